# Makes an array of C strings, one for each line: awk -v name=NAME -f lines_to_c.awk FILE
BEGIN { printf "static const char *const %s[] = {\n", name }
{
    gsub(/\\/, "\\\\\\\\")
    gsub(/"/, "\\\"")
    gsub(/\?\?/, "?\\?")
    printf "    \"%s\",\n", $0
}
END { print "};" }
