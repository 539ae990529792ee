#!/bin/bash
# `thrum report`, and what is new in `thrum demo`: comparisons, and the page in a browser that has no network: report_test.sh THRUM
#
# The browser is Debian's chromium; without it, or without a network namespace, the tests of the page are left out.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
thrum=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C HOME=$work

# results FACTOR: a file of thrum bench with two commands; the second takes FACTOR times its usual time.
results() {
    python3 - "$1" <<'END'
import json, sys
def command(name, usual):
    runs = [{'seconds': usual * (1 + i % 5 / 100), 'user': .01, 'system': 0.0, 'memory': None, 'status': 0, 'others_share': 0.0} for i in range(20)]
    return {'name': name, 'command': name, 'shell': False, 'seconds': {'middle': usual * 1.02, 'low': usual, 'high': usual * 1.04},
            'cpu_seconds': .01, 'memory': None, 'ratio': {'middle': 1.0, 'low': 1.0, 'high': 1.0}, 'verdict': 'slower', 'runs': runs}
print(json.dumps({'kind': 'bench', 'machine': {'thrum': '0', 'processor': 'x', 'kernel': 'y', 'cores': 2, 'load': None, 'began': 'now'},
                  'confidence': .99, 'rounds': 20, 'commands': [command('</script><b>same', .5), command('changed', .1 * float(sys.argv[1]))]}))
END
}

what_has_changed_is_said() {
    results 1 >old.json && results 1.2 >new.json && "$thrum" report compare old.json new.json >out || return 1
    [ "$(grep -c 'slower\|faster' out)" -eq 1 ] && grep -q '^changed.*1\.[12][0-9]* to 1\.2[0-9]*: slower$' out &&
        "$thrum" report compare new.json old.json >out && grep -q '^changed.*: faster$' out && ! grep -E '.{81}' out
}

a_condition_gives_status_3() {
    "$thrum" report compare old.json new.json --fail-if 'ratio > 1.1' >out
    [ $? -eq 3 ] && "$thrum" report compare old.json new.json --fail-if 'ratio > 1.3' >out &&
        "$thrum" report compare old.json old.json --fail-if 'ratio > 1.1' >out
}

files_of_each_command_are_read() {
    "$thrum" demo --quick --only db -r 5 --json demo.json --svg demo.svg >/dev/null 2>&1 &&
        "$thrum" tune -q -w 1,2 -r 3 --json tune.json 'sleep 0.00{workers}' >/dev/null &&
        "$thrum" report compare demo.json demo.json >out && grep -q '^db, threads(4)' out && ! grep -q 'slower\|faster' out &&
        "$thrum" report compare tune.json tune.json >out && grep -q '^2 workers.*too few samples' out &&
        python3 - <<'END'
import json, xml.dom.minidom
for cell in json.load(open('demo.json'))['rows'][0]['cells']:
    assert len(cell['samples']) == 5 and cell['seconds_low'] <= cell['seconds'] <= cell['seconds_high']
    spans = cell['timeline']
    assert len(spans) == 50 and all(0 <= begin and end - begin >= .005 for begin, end, worker, computes in spans)
    assert len({worker for _, _, worker, _ in spans}) <= cell['workers']
    assert not any(computes for *_, computes in spans)
assert len(xml.dom.minidom.parse('demo.svg').getElementsByTagName('rect')) == 7
END
}

the_peer_runs_every_row() {
    "$thrum" demo --quick --peer python3 --only file,db,http --json peer.json 2>err | tee out | grep -q '^  here  ' && ! grep -E '.{81}' out &&
        python3 - <<'END' || return 1
import json
results = json.load(open('peer.json'))
assert results['peer'].startswith('python3 3.')
for row in results['rows']:
    for cell in row['cells']:
        bound = sum(part['tasks'] * part['seconds'] for part in row['parts']) / cell['workers']
        assert len(cell['peer_samples']) == 1 and cell['peer_seconds'] >= bound * .99, (row['row'], cell)
END
    "$thrum" demo --quick --peer false --only db >out 2>err
    [ $? -eq 1 ] && grep -q -- '--peer: false ended before it was ready' err || return 1
    "$thrum" demo --quick --peer /nonexistent/python --only db >out 2>err
    [ $? -eq 1 ] && grep -q -- '--peer: cannot run /nonexistent/python' err || return 1
    "$thrum" demo --peer python3 --url http://127.0.0.1/ >out 2>err
    [ $? -eq 2 ]
}

a_row_is_swept() {
    "$thrum" demo --quick --only db --sweep 1,2,50 --executor fibers --repeat 3 --json sweep.json --svg sweep.svg >out 2>err &&
        grep -q '^50 DB queries, 5 ms, on fibers' out && grep -q '^best: \|^cannot tell' out && ! grep -E '.{81}' out &&
        "$thrum" report sweep.json -o sweep.html && python3 - <<'END'
import json
sweep = json.load(open('sweep.json'))['sweep']
assert [point['workers'] for point in sweep['points']] == [1, 2, 50]
one, two, fifty = (point['seconds'] for point in sweep['points'])
assert one >= .25 and two >= .125 and fifty >= .005 and fifty < two < one
END
}

a_directory_that_cannot_be_used_is_named() {
    TMPDIR=/nonexistent "$thrum" demo --quick --only file >out 2>err
    [ $? -eq 1 ] && grep -q 'cannot make a directory in /nonexistent: .*; set TMPDIR' err
}

# refused STATUS TEXT ARGUMENTS
refused() {
    local status=$1 text=$2
    shift 2
    "$thrum" report "$@" >out 2>err
    [ $? -eq "$status" ] && grep -qF -- "$text" err && [ ! -s out ]
}

what_makes_no_sense_is_refused() {
    echo '{"kind": "bench", "commands": [{"name": "x", "runs": [{"seconds": "soon"}]}]}' >wrong.json
    echo '{"kind": "bench", "commands": 3}' >empty.json
    echo '[1, 2' >cut.json
    refused 1 'a sample is not a time' wrong.json && refused 1 'cut.json is not JSON: line' cut.json &&
        refused 1 'nothing in common' compare empty.json old.json && refused 1 'cannot read nothing.json' nothing.json &&
        refused 1 'cannot be compared' compare old.json demo.json && refused 2 'two files of results' compare old.json &&
        refused 2 'give a file of results' && refused 2 '--fail-if is for compare' --fail-if 'ratio > 1' old.json &&
        refused 1 '--output: cannot write' old.json -o /nonexistent/page.html &&
        echo '[]' | refused 1 'no results of thrum' -
}

the_page_is_one_file_without_addresses() {
    "$thrum" report old.json -o page.html && [ "$(wc -c <page.html)" -lt 2000000 ] &&
        ! sed 's|http://www.w3.org/2000/svg||g' page.html | grep -q 'https\{0,1\}://' &&
        [ "$(grep -c '</script>' page.html)" -eq 2 ] && python3 - <<'END'
import json, re
page = open('page.html').read()
text = re.search(r'id="results">\n(.*?)\n</script>', page, re.S).group(1)
assert json.loads(text) == json.load(open('old.json'))
END
}

# in_browser FILE: what the page has become, in dom; what the browser says of it, in console.
in_browser() {
    unshare -rn timeout 120 "$browser" --headless --no-sandbox --disable-gpu --enable-logging=stderr --user-data-dir="$work/profile" \
        --virtual-time-budget=5000 --dump-dom "file://$work/$1" >dom 2>console && ! grep 'CONSOLE' console
}

the_page_shows_the_figures_offline() {
    in_browser page.html && grep -q '>510.0 ms<' dom && grep -q '&lt;/script&gt;&lt;b&gt;same' dom && grep -q 'role="img"' dom &&
        "$thrum" report demo.json -o demo.html && in_browser demo.html && python3 - <<'END'
import json
dom = open('dom').read()
def time(seconds):
    value, unit = seconds, 0
    while unit < 2 and value < 1:
        value, unit = value * 1000, unit + 1
    return f'{value:.{3 if value < 9.9995 else 2 if value < 99.995 else 1}f} {("s", "ms", "µs")[unit]}'
assert dom.count('aria-label="timeline: db, ') == 6 and dom.count('<title>thread ') == 300
for cell in json.load(open('demo.json'))['rows'][0]['cells']:
    assert f'<td>{time(cell["seconds"])}</td>' in dom, cell['column']
END
}

the_best_stands_where_the_results_say() {
    python3 - <<'END'
import json
points = [{'workers': n, 'seconds': max(1 / n, .25), 'cpu_seconds': .01,
           'runs': [{'seconds': max(1 / n, .25), 'user': 0.0, 'system': 0.0, 'others_share': 0.0}]} for n in (1, 2, 4, 8)]
json.dump({'kind': 'tune', 'machine': None, 'command': 'x', 'sweep': {'points': points, 'law': {'kind': 'limit', 'single_seconds': 1.0,
    'limit_seconds': .25, 'contention': 0.0, 'coherence': 0.0, 'error': 0.0}, 'clear': True, 'best': 4, 'low': 4, 'high': 5,
    'cause': 'cores', 'goetz': 4.0}}, open('best.json', 'w'))
END
    # 4 of 1 to 8 is at two thirds of the axis, which goes from 80 to 700.
    "$thrum" report best.json -o best.html && in_browser best.html && grep -q 'Best: 4 workers (4 to 5)' dom &&
        grep -q 'id="best" data-workers="4" d="M493.33[0-9]* 24' dom
}

browser=$(command -v chromium || command -v google-chrome || true)
skip=
[ -n "$browser" ] || skip='there is no chromium'
unshare -rn true 2>/dev/null || skip='there is no network namespace to be had'
left_out() {
    case $1 in
    the_page_shows_the_figures_offline | the_best_stands_where_the_results_say) echo "$skip" ;;
    esac
}
show_failure() {
    grep -h CONSOLE console 2>/dev/null
    sed 's/^/# /' said out
}
tests='what_has_changed_is_said a_condition_gives_status_3 files_of_each_command_are_read the_peer_runs_every_row
a_row_is_swept a_directory_that_cannot_be_used_is_named what_makes_no_sense_is_refused the_page_is_one_file_without_addresses the_page_shows_the_figures_offline the_best_stands_where_the_results_say'
# shellcheck disable=SC2086 # a list of words
run_tests $tests
