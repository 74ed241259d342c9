/*
 * `peal doctor`: looks at what a node with these settings will find, before it is started or while
 * others run, and says what to do about what is wrong.
 */
#ifndef PEAL_APP_DOCTOR_H
#define PEAL_APP_DOCTOR_H

#include "options.h"

/* How it ends. */
enum {
	PEAL_DOCTOR_WELL = 0,
	PEAL_DOCTOR_WARNED = 1,
	PEAL_DOCTOR_FAILED = 2, /* also when the settings are not understood */
};

/* @arguments: behind `peal doctor`, NULL-terminated; those that are not the doctor's own are
 * settings of serve. Return: the exit status. */
int peal_doctor_run(char **arguments);

#endif
