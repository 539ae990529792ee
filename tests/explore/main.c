/* The program with all clients. */
#include "explore.h"

int main(int count, char **arguments)
{
    thrum_explore_main(count, arguments);
}
