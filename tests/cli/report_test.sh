#!/bin/bash
# `thrum report`, and what is new in `thrum demo`: report_test.sh THRUM. tests/page has what the page is in a browser.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
thrum=$(realpath "$1")
peer=$(realpath "$(dirname "$0")/../../bench/peers/demo.py")
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

# The first request opens a connection of the process that forks. If a worker used it, two might read each other's answer.
a_process_of_the_peer_has_a_connection_of_its_own() {
    python3 - "$peer" <<'END'
import http.server, subprocess, sys, threading
requests = []
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        requests.append(self.client_address)
        self.send_response(200)
        self.send_header('Content-Length', '4096')
        self.end_headers()
        self.wfile.write(bytes(4096))
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
peer = subprocess.run([sys.executable, sys.argv[1], '.', str(server.server_port), '0.01'], text=True, timeout=600,
                      input='inline 1 http:1:0.1\nprocesses 2 http:8:0.1\n', capture_output=True, check=True)
assert 'error' not in peer.stdout and len(peer.stdout.splitlines()) == 3, peer
assert len(requests) == 9 and requests.count(requests[0]) == 1, requests
END
}

# Fifty workers are seen to wait at the same time as soon as the machine gives them the processor in time.
more_workers_take_less_time() {
    "$thrum" demo --quick --only db --sweep 1,50 --executor fibers --repeat 1 --json short.json >out 2>err && python3 - <<'END'
import json
one, fifty = (point['seconds'] for point in json.load(open('short.json'))['sweep']['points'])
assert one >= .25 > fifty, (one, fifty)
END
}

a_row_is_swept() {
    "$thrum" demo --quick --only db --sweep 1,2,50 --executor fibers --repeat 3 --json sweep.json --svg sweep.svg >out 2>err &&
        grep -q '^50 DB queries, 5 ms, on fibers' out && grep -q '^best: \|^cannot tell' out && ! grep -E '.{81}' out &&
        "$thrum" report sweep.json -o sweep.html && python3 - <<'END' && succeeds_once more_workers_take_less_time
import json
sweep = json.load(open('sweep.json'))['sweep']
assert [point['workers'] for point in sweep['points']] == [1, 2, 50]
one, two, fifty = (point['seconds'] for point in sweep['points'])
assert one >= .25 and two >= .125 and fifty >= .005
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
        refused 2 'give a file of results' && refused 2 '--serve has no --output' --serve -o x old.json &&
        refused 2 '--port is for --serve' --port 1 old.json && refused 2 '--serve reads a file' --serve - && refused 2 '--fail-if is for compare' --fail-if 'ratio > 1' old.json &&
        refused 1 '--output: cannot write' old.json -o /nonexistent/page.html &&
        echo '[]' | refused 1 'no results of thrum' -
}

the_page_is_one_file_without_addresses() {
    "$thrum" report old.json -o page.html && [ "$(wc -c <page.html)" -lt 2000000 ] &&
        ! sed 's|http://www.w3.org/2000/svg||g' page.html | grep -q 'https\{0,1\}://' &&
        [ "$(grep -c '</script>' page.html)" -eq 3 ] && python3 - <<'END'
import json, re
page = open('page.html').read()
text = re.search(r'id="results">\n(.*?)\n</script>', page, re.S).group(1)
assert json.loads(text) == json.load(open('old.json'))
import base64, gzip
explorer = gzip.decompress(base64.b64decode(re.search(r'id="packed">\n(.*?)\n</script>', page, re.S).group(1))).decode()
for host in 'kanaries.net', 'r2.dev', 'imagedelivery.net', 'unpkg.com', 'tile.openstreetmap.org':
    assert host not in explorer, host
assert 'Apache License' in explorer
END
}

single_operations_are_measured() {
    "$thrum" demo --micro --quick --only thread --json micro.json >out 2>err && grep -q '^thread start + join, goal' out &&
        grep -q '^  pthread .* us ' out && ! grep -E '.{81}' out && python3 -c '
import json
row, = json.load(open("micro.json"))
assert row["row"] == "thread start + join" and row["medians"]["thrum"] > 0 and row["ratios"]["pthread"] > 0' || return 1
    "$thrum" demo --micro --only thread,nothing >out 2>err
    [ $? -eq 2 ] && grep -q "there is no benchmark 'nothing'; there are lock, " err || return 1
    "$thrum" demo --micro --peer python3 >out 2>err
    [ $? -eq 2 ] && grep -q -- '--micro has no --peer' err
}

# holds_three_runs FILE PLACE: the results in FILE have at least three runs at PLACE.
holds_three_runs() {
    python3 -c 'import json, sys; assert len(eval("json.load(open(sys.argv[1]))" + sys.argv[2])["runs"]) >= 3' "$@" 2>/dev/null
}

# What a person sees while a long measurement runs.
results_are_written_meanwhile() {
    local found
    start out err "$thrum" bench -q -r 100000 --json growing.json 'sleep 0.3'
    until_true holds_three_runs growing.json '["commands"][0]'
    found=$?
    kill -TERM "$started"
    wait "$started"
    [ $? -eq 143 ] && [ "$found" -eq 0 ] && python3 -m json.tool growing.json >/dev/null
}

# written_for_three_rounds: or there is a file `broken`, as what was there to read was no JSON.
written_for_three_rounds() {
    [ ! -s rounds.json ] || python3 -m json.tool rounds.json >/dev/null || touch broken
    [ -e broken ] || gone "$started" || holds_three_runs rounds.json '["sweep"]["points"][1]'
}

# A reader sees whole results at any time, and a killed run leaves what it wrote last.
a_sweep_is_written_after_each_round() {
    local names
    rm -f broken
    start out err "$thrum" demo --quick --only db --sweep 1,2 --executor fibers --repeat 1000 --json rounds.json
    until_true written_for_three_rounds
    kill -KILL "$started"
    wait "$started" 2>/dev/null
    [ ! -e broken ] && holds_three_runs rounds.json '["sweep"]["points"][1]' || return 1
    names=$(echo rounds.json*)
    rm -f rounds.json.*
    [ "${names% *}" = rounds.json ] || [ "$names" = rounds.json ]
}

results_replace_the_file_that_a_link_leads_to() {
    echo old >real.json && ln -s real.json link.json && chmod 640 real.json || return 1
    "$thrum" bench -q -r 2 --json link.json true >/dev/null || return 1
    [ -L link.json ] && [ "$(stat -c %a real.json)" = 640 ] && python3 -m json.tool real.json >/dev/null &&
        [ "$(echo real.json*)" = real.json ]
}

# serves FILE: starts the server; its port is in $port, its process in $server.
serves() {
    start served said_by_server "$thrum" report --serve "$1"
    server=$started
    await_line '^http.* shows ' served "$server" || return 1
    port=$(sed -n 's|^http://127.0.0.1:\([0-9]*\)/ shows .*|\1|p' served)
}

# asks HOST PATH [METHOD]: the status of the answer; the body is in body.
asks() {
    curl -s -o body -w '%{http_code}' -X "${3:-GET}" -H "Host: $1" --max-time $LIMIT "http://127.0.0.1:$port$2"
}

# is_file BODY: the body is the JSON of that file.
is_file() { python3 -c 'import json, sys; assert json.load(open("body")) == json.load(open(sys.argv[1]))' "$1"; }

the_page_is_served_to_this_machine() {
    local host fine
    cp old.json served.json
    serves served.json || return 1
    [ "$(asks "127.0.0.1:$port" /)" = 200 ] && grep -q 'thrum-live' body && grep -q "connect-src 'self'" body &&
        [ "$(asks "localhost:$port" /results.json)" = 200 ] && is_file old.json &&
        cp new.json served.json && [ "$(asks "127.0.0.1:$port" /results.json)" = 200 ] && is_file new.json &&
        echo '{"kind": "be' >served.json && [ "$(asks "127.0.0.1:$port" /results.json)" = 200 ] && is_file new.json &&
        [ "$(asks "127.0.0.1:$port" /old.json)" = 404 ] && [ "$(asks "127.0.0.1:$port" / POST)" = 405 ]
    fine=$?
    for host in evil.example "evil.example:$port" 127.0.0.1 "127.0.0.1:$port.evil.example" "localhost:$((port + 1))"; do
        [ "$(asks "$host" /)" = 403 ] || fine=1
    done
    python3 - "$port" <<'END' || fine=1
import socket, sys
def ask(data):
    with socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=600) as one:
        try:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            return one.recv(100).decode()
        except OSError:
            return 'HTTP/1.1 400'
assert ask(b'GET / HTTP/1.1\r\n\r\n').startswith('HTTP/1.1 403')
for data in (b'GET\r\n\r\n', b'GET / HTTP/2.0\r\n\r\n', b'GET / HTTP/1.1\r\nno colon\r\n\r\n', b'\0\n\n', b'x' * 5000 + b'\n',
             b'GET / HTTP/1.1\r\n' + b'A: b\r\n' * 3000 + b'\r\n'):
    assert ask(data).startswith('HTTP/1.1 400'), data[:40]
END
    # Only this machine reaches it.
    [ "$(awk -v port="$(printf '%04X' "$port")" '$4 == "0A" && $2 ~ ":" port "$" { print $2 }' /proc/net/tcp)" = "0100007F:$(printf '%04X' "$port")" ] || fine=1
    # A silent client does not keep it from ending.
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    kill -TERM "$server"
    wait "$server"
    [ $? -eq 143 ] || fine=1
    exec 9>&-
    [ "$fine" -eq 0 ] && [ ! -s said_by_server ]
}

a_file_that_does_not_exist_yet_is_waited_for() {
    local fine
    rm -f later.json
    serves later.json && until_true grep -q 'the page shows it once it can be read' said_by_server &&
        [ "$(asks "127.0.0.1:$port" /results.json)" = 200 ] && grep -qx null body && cp old.json later.json &&
        [ "$(asks "127.0.0.1:$port" /results.json)" = 200 ] && is_file old.json
    fine=$?
    kill -TERM "$server"
    wait "$server"
    [ $? -eq 143 ] && [ "$fine" -eq 0 ]
}

shown_files='said out err served said_by_server'
tests='what_has_changed_is_said a_condition_gives_status_3 files_of_each_command_are_read the_peer_runs_every_row
a_process_of_the_peer_has_a_connection_of_its_own a_row_is_swept a_directory_that_cannot_be_used_is_named what_makes_no_sense_is_refused the_page_is_one_file_without_addresses
single_operations_are_measured results_are_written_meanwhile a_sweep_is_written_after_each_round
results_replace_the_file_that_a_link_leads_to the_page_is_served_to_this_machine
a_file_that_does_not_exist_yet_is_waited_for'
# shellcheck disable=SC2086 # a list of words
run_tests $tests
