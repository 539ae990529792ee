# Another round is possible, where the pause was too short for the other.
$!N
/^\(.*\)\n\1$/!P
D
