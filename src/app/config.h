/*
 * The config file: one flat JSON object whose keys are settings.
 */
#ifndef PEAL_APP_CONFIG_H
#define PEAL_APP_CONFIG_H

#include "options.h"

/**
 * peal_config_load() - read the file and set what it says, as PEAL_SOURCE_CONFIG
 *
 * Messages begin with the file's name and the line, and name the key.
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 */
int peal_config_load(const char *path, struct peal_settings *settings, struct peal_usage *usage)
	__attribute__((warn_unused_result));

#endif
