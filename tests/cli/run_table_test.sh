#!/bin/bash
# What GNU parallel documents for what `thrum run` offers, row by row. Where GNU parallel is installed each
# row is also run by it: it must give the same, or the row says why not, and must then differ.
#
#     run_table_test.sh THRUM
#
# What stands in single quotes is evaluated row by row.
# shellcheck disable=SC2016,SC2059,SC2034,SC2238
set -u
thrum=$(realpath "$1")
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
printf 'A\nB\n' >AB
printf 'C\nD\nE\n' >CDE
printf 'a\tb\nc\td\n' >tabs
printf 'one,1\ntwo,2\n' >commas
printf '' >empty
mkdir -p home
export HOME=$work/home
parallel=$(command -v parallel)
[ -n "$parallel" ] && ! "$parallel" --version 2>/dev/null | grep -q '^GNU parallel' && parallel=
number=0 failed=0

# row STDIN ARGUMENTS EXPECTED [REASON]: what is printed, its lines separated by "; ". REASON is why GNU
# parallel prints something else.
row() {
    number=$((number + 1))
    local got theirs
    got=$(printf "$1" | eval "timeout 600 \"\$thrum\" run -q -k -j 2 $2" 2>&1 | sed ':a;N;$!ba;s/\n/; /g')
    if [ "$got" != "$3" ]; then
        printf 'not ok %d - %s\n# gives: %s\n# not:   %s\n' $number "$2" "$got" "$3"
        failed=1
        return
    fi
    if [ -n "$parallel" ]; then
        theirs=$(printf "$1" | eval "timeout 600 \"\$parallel\" -k -j 2 $2" 2>/dev/null | sed ':a;N;$!ba;s/\n/; /g')
        if [ "$theirs" = "$3" ] && [ -n "${4-}" ]; then
            printf 'not ok %d - %s\n# GNU parallel gives the same, although: %s\n' $number "$2" "$4"
            return
        fi
        if [ "$theirs" != "$3" ] && [ -z "${4-}" ]; then
            printf 'not ok %d - %s\n# GNU parallel gives: %s\n' $number "$2" "$theirs"
            return
        fi
    fi
    echo "ok $number - $2"
}

quoted='no shell is involved: words stay words'

# Inputs.
row 'a\nb\n' 'echo' 'a; b'
row 'a\nb' 'echo' 'a; b'
row '' 'echo' ''
row 'a\n\nb\n' 'echo x' 'x a; x ; x b'
row 'a\0b\0' '-0 echo' 'a; b'
row 'a b\n' 'echo' 'a b'
row '' 'echo ::: a b c' 'a; b; c'
row '' 'echo :::' ''
row '' 'echo :::: AB' 'A; B'
row '' '-a AB echo' 'A; B'
row '' 'echo :::: empty' ''
row 'x\ny\n' 'echo :::: -' 'x; y'
row 'x\ny\n' 'echo :::: - AB' 'x A; x B; y A; y B'
row '' 'echo ::: A B ::: C D' 'A C; A D; B C; B D'
row '' 'echo ::: A B ::: C D ::: E F' 'A C E; A C F; A D E; A D F; B C E; B C F; B D E; B D F'
row '' 'echo :::: AB CDE' 'A C; A D; A E; B C; B D; B E'
row '' '-a AB -a CDE echo' 'A C; A D; A E; B C; B D; B E'
row '' 'echo ::: A B :::: CDE' 'A C; A D; A E; B C; B D; B E'
row '' 'echo ::: A B :::+ C D' 'A C; B D'
row '' 'echo ::: A B :::+ C D E' 'A C; B D'
row '' 'echo ::: A B C :::+ D E' 'A D; B E'
row '' 'echo ::: A B :::+ C D ::: X Y' 'A C X; A C Y; B D X; B D Y'
row '' 'echo ::: X Y ::: A B :::+ C D' 'X A C; X B D; Y A C; Y B D'
row '' 'echo ::: A B ::::+ CDE' 'A C; B D'
row '' 'echo ::: A ::: :::+ B' ''  'GNU parallel takes an empty input for an empty argument'

# Placeholders.
row '' 'echo {} ::: a/b.c' 'a/b.c'
row '' 'echo {.} ::: foo.jpg subdir/foo.jpg sub.dir/foo.jpg sub.dir/bar foo' \
    'foo; subdir/foo; sub.dir/foo; sub.dir/bar; foo'
row '' 'echo {/} ::: a/b.c b.c /x' 'b.c; b.c; x'
row '' 'echo {//} ::: a/b.c b.c /x a//b a/b/' 'a; .; /; a; a'
row '' 'echo {/.} ::: a/b.c a.d/b x.tar.gz' 'b; b; x.tar'
row '' 'echo {#} ::: a b c' '1; 2; 3'
row '' '-j 1 echo {%} ::: a b c' '1; 1; 1'
row '' 'echo {2} {1} ::: A B ::: C D' 'C A; D A; C B; D B'
row '' 'echo {-1} {-2} ::: A ::: B ::: C' 'C B'
row '' 'echo {1.} {2/} {2//} {1/.} ::: a/b.c ::: d/e.f' 'a/b e.f d b'
row '' 'echo x{}y{}z ::: a' 'xayaz'
row '' 'echo {}-{#} ::: a b' 'a-1; b-2'
row '' 'echo {} {} ::: A ::: B' 'A B A B'
row '' 'echo x{}y ::: A ::: B' 'xA By'
row '' 'echo {3}. ::: A ::: B' '.'
row '' 'echo {.} ::: A.x ::: B.y' 'A B'
row '' 'echo "{" "}" "{x}" ::: A' '{ } {x} A'
row '' 'echo "{0}" ::: A' '{0} A' 'GNU parallel takes {0} for a placeholder'
row '' 'printf "<%s>" "a  b" {} ::: "c  d"' '<a  b><c  d>' "$quoted"
row '' 'echo "\$HOME" {} ::: "*" "\$(x)" "a;b"' '$HOME *; $HOME $(x); $HOME a;b' "$quoted"

# Columns.
row '' "--colsep '\\t' echo {2} {1} :::: tabs" 'b a; d c'
row '' '--colsep , echo {2}-{1} :::: commas' '1-one; 2-two'
row '' '-C , echo :::: commas' 'one 1; two 2'
row '' "--colsep ' +' echo {3} {1} ::: 'a  b   c'" 'c a'
row '' '--colsep , echo {1} {2} {3} ::: a,b ::: c' 'a b c'
row '' '--colsep "[,;]" echo {3}{2}{1} ::: "a,b;c"' 'cba'
row '' '--colsep , echo {2}. ::: a' '.'

# Output.
row '' '--tag echo ::: a b' $'a\ta; b\tb'
row '' '--tag echo {1} ::: a ::: b' $'a b\ta'
row '' '"echo x; echo" ::: a' 'thrum run: job 1: cannot run echo x; echo: No such file or directory' "$quoted"
row '' "--line-buffer -j 1 sh -c 'echo 1; echo 2' ::: a b" '1; 2; 1; 2' "$quoted"
row '' '--tag --line-buffer -j 1 echo ::: a b' $'a\ta; b\tb'
row '' '-j 1 -u echo ::: a b' 'a; b'
row '' '--dry-run echo {} ::: a b' 'echo a; echo b'
row '' '--dry-run echo {} ::: "a b"' "echo 'a b'"
row '' '--dry-run echo {1} {2} ::: A ::: B' 'echo A B'

# Failures.
row '' '--halt now,fail=1 -j 1 test ::: "" a; echo $?' '1'
row '' '-j 1 --retries 1 true ::: a; echo $?' '0'
row '' 'false ::: a; echo $?' '1'
row '' 'false ::: a b c; echo $?' '1' 'GNU parallel gives the number of failed jobs; 1 is any failure here'
row '' 'true ::: a; echo $?' '0'
row '' '--timeout 1 sleep ::: 30; test $? -ne 0 && echo ended' 'ended'
row '' '--halt soon,fail=1 -j 1 false ::: a b; test $? -ne 0 && echo ended' 'ended'
row '' '--halt now,success=1 -j 1 echo ::: a b; true' 'a'
row '' '--halt never -j 1 echo ::: a b' 'a; b'
row '' '--joblog log -j 1 true ::: a; cut -f 1,2,5-9 log' \
    $'Seq\tHost\tSend\tReceive\tExitval\tSignal\tCommand; 1\t:\t0\t0\t0\t0\ttrue a'
row '' '--joblog log2 -j 1 false ::: a; cut -f 1,7,8 log2' $'Seq\tExitval\tSignal; 1\t1\t0'
row '' '--joblog log3 -j 1 true ::: a b; rm -f x' ''
row '' '--joblog log3 --resume -j 1 echo ::: a b c' 'a; b; c' \
    'a job of another command has not been done'
row '' '--delay 0.01 echo ::: a b' 'a; b'
row '' '--load 1000 echo ::: a b' 'a; b'
row '' '--memfree 1M echo ::: a b' 'a; b'

echo "1..$number"
exit $failed
