#ifndef MAIN_START_H
#define MAIN_START_H
/* `ottla start`: runs a node until it is told to stop. argv[0] is "start". Returns the exit status:
 * 0 after a clean stop, 1 when the node could not start or go on, 2 for a mistake in the arguments
 * or the settings. */
int start_main(int argc, char **argv);
int metrics_doc_main(int argc, char **argv);

#endif
