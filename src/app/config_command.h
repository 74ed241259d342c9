/*
 * `peal config`: what the settings come to, and whether they are right.
 */
#ifndef PEAL_APP_CONFIG_COMMAND_H
#define PEAL_APP_CONFIG_COMMAND_H

/* @arguments: those behind the name. Return: an exit code. */
int peal_config_command(char **arguments);
void peal_config_command_help(void);

#endif
