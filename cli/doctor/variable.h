/* `thrum doctor watch`: who writes a variable of a running process. */
#ifndef CLI_DOCTOR_VARIABLE_H
#define CLI_DOCTOR_VARIABLE_H

/* argv[0] is "watch". Returns the exit status. */
int variable_run(int argc, char **argv);

#endif
