# How often it looks is a matter of time.
$!N
/^\(.*\)\n\1$/!P
D
