import sys

from thrum._run import main

main(sys.argv[1:])
