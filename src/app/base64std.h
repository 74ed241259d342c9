/*
 * Base64 with the standard alphabet and padding. Strict: there is one way to write a value.
 */
#ifndef PEAL_APP_BASE64STD_H
#define PEAL_APP_BASE64STD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/**
 * peal_base64std_decode() - the bytes that a text stands for
 * @ret_bytes: has room for three bytes for each four characters
 *
 * Return: false for another character, missing padding, and bits left over.
 */
bool peal_base64std_decode(const char *text, unsigned char *ret_bytes, size_t *ret_length);
void peal_base64std_put(FILE *stream, const void *bytes, size_t length);

#endif
