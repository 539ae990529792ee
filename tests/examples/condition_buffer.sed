s/^Consumer [XY]/Consumer ?/
s/^\(Produced.*\)(buffer size: [1-5])/\1(1 to 5)/
s/^\(Consumer.*\)(buffer size: [0-4])/\1(0 to 4)/
