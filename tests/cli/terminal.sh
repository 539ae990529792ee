# shellcheck shell=bash
# A shell with job control in tmux, for a test script: keys are pressed, the screen is looked at. Sourced by bash scripts, which
# set $thrum, end the terminal by `terminal kill-server` at their end, and run where there is tmux.
terminals=0 server_name=thrum-test-$$

terminal() { tmux -L "$server_name" -f /dev/null "$@"; }

# begin WIDTH HEIGHT: a shell in a terminal of that size.
begin() {
    terminal kill-server 2>/dev/null
    server_name=thrum-test-$$-$((terminals += 1)) # a server that ends may still be in the way of another
    printf 'PS1="ready> "; bind "set enable-bracketed-paste off"; unset NO_COLOR; thrum=%s\n' "$thrum" >rc
    terminal new-session -d -x "$1" -y "$2" "env -u TMPDIR TERM=screen LC_ALL=C.UTF-8 bash --noprofile --rcfile rc -i" &&
        shown 'ready>'
}

typed() { terminal send-keys -l "$1" && terminal send-keys Enter; }
key() { terminal send-keys "$1"; }
screen() { terminal capture-pane -p; }

# shellcheck disable=SC2317 # tap.sh, which the scripts source as well, calls it
show_failure() {
    screen | sed 's/^/screen: /'
    tail -n 5 said
}

on_screen() { screen | grep -q -F -- "$1"; }
not_on_screen() { ! on_screen "$1"; }
on_coloured_screen() { terminal capture-pane -p -e | grep -q "$1"; }

# resized WIDTH HEIGHT: the terminal gets that size. tmux tells the programs in it a while later.
resized() {
    terminal resize-window -x "$1" -y "$2" && until_true has_size "$1" "$2"
}
has_size() { [ "$(stty size -F "$(terminal display-message -p '#{pane_tty}')")" = "$2 $1" ]; }

# shown TEXT: it appears on the screen.
shown() { until_true on_screen "$1"; }

# status NUMBER: the last command had it. The text is not what is typed.
status() { typed 'echo "status=$?."' && shown "status=$1."; }
