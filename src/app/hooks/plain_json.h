/*
 * JSON that every backend can read.
 *
 * What clients send goes to the backend in one request with what others send, and parsers give up
 * on all of it for the sake of one value. The grammar leaves them room to: in how deep values nest
 * (64 in .NET, 100 in Ruby, 128 in Rust), in numbers that no double holds (Go, Rust), and in halves
 * of surrogate pairs (PHP, Rust), which JavaScript writes when a text was cut within an emoji.
 */
#ifndef PEAL_APP_HOOKS_PLAIN_JSON_H
#define PEAL_APP_HOOKS_PLAIN_JSON_H

#include <stdbool.h>
#include <stddef.h>

/**
 * peal_plain_json() - make it plain
 * @json:  valid, not NUL-terminated; a half of a surrogate pair becomes U+FFFD, as it does wherever
 *         JavaScript encodes text
 * @depth: how deep it may nest
 *
 * Return: false when it cannot be.
 */
bool peal_plain_json(char *json, size_t length, unsigned depth) __attribute__((warn_unused_result));

#endif
