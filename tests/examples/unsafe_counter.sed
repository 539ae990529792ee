# Any number below the right one.
/^Unsafe/s/got [1-4]\{0,1\}[0-9]\{1,5\}$/got fewer/
