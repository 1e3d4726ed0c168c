#include "main/start.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "start") == 0)
        return start_main(argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("ottla %s\n", OTTLA_VERSION);
        return 0;
    }
    fputs("usage: ottla start [--config server.properties] [-o name=value]... [--data FOLDER]\n"
          "       ottla --version\n",
          stderr);
    return 2;
}
