s/0x[0-9a-f]*[^,]*, at [^,]*,/0xN, at PLACE,/
