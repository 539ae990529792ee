import sys

from thrum._run import main

if __name__ == "__main__":
    main(sys.argv[1:])
