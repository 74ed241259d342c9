/*
 * Event arguments.
 *
 * Going out, arguments are C values: every macro of the emit family turns each of them into a
 * `struct peal_arg` by its type. A type that is not listed at PEAL_ARG() does not compile.
 *
 *   NOTE   In C11 the words `true` and `false` and every comparison are of type int and arrive as 1
 * or 0. Write PEAL_TRUE, PEAL_FALSE or PEAL_BOOL(expression); only *variables* of type bool arrive
 * as true or false.
 *
 * Coming in, arguments are a `const struct peal_args *`: the JSON text as it came, plus binary
 * attachments. It is parsed only when a handler asks, and relayed without being printed again
 * (peal_emit_args()).
 */
#ifndef PEAL_ARGS_H
#define PEAL_ARGS_H

#include <peal/visibility.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;
struct peal_args;

enum peal_arg_type {
	PEAL_ARG_NULL,
	PEAL_ARG_BOOL,
	PEAL_ARG_INT,
	PEAL_ARG_UINT,
	PEAL_ARG_DOUBLE,
	PEAL_ARG_STRING,
	PEAL_ARG_CJSON,
	PEAL_ARG_JSON,
	PEAL_ARG_BYTES,
};

/* One outgoing argument. What it points to is borrowed until the emit call returns. */
struct peal_arg {
	enum peal_arg_type type;
	size_t length; /* bytes of string, json or bytes */
	union {
		bool boolean;
		int64_t integer;
		uint64_t natural;
		double number; /* NaN and infinities are sent as null, as JSON.stringify() does */
		const char *string; /* UTF-8; NULL or invalid UTF-8 makes the emit fail with
				       PEAL_EMIT_E_INVALID */
		const struct cJSON *cjson;
		const char *json;  /* one JSON value; validated. Beside bytes it must not hold an
				      object that looks like the placeholder of an attachment */
		const void *bytes; /* sent as a binary attachment; may be NULL when empty */
	} value;
};

#define PEAL_NULL ((struct peal_arg){ .type = PEAL_ARG_NULL })
#define PEAL_TRUE ((struct peal_arg){ .type = PEAL_ARG_BOOL, .value = { .boolean = 1 } })
#define PEAL_FALSE ((struct peal_arg){ .type = PEAL_ARG_BOOL, .value = { .boolean = 0 } })
#define PEAL_BOOL(expression) \
	((struct peal_arg){ .type = PEAL_ARG_BOOL, .value = { .boolean = !!(expression) } })
/* One JSON value as NUL-terminated text: PEAL_JSON("{\"a\":1}"). */
#define PEAL_JSON(text) peal_arg_from_json(text)
#define PEAL_BYTES(pointer, size) \
	((struct peal_arg){       \
		.type = PEAL_ARG_BYTES, .length = (size), .value = { .bytes = (pointer) } })

PEAL_API struct peal_arg peal_arg_from_json(const char *text);
PEAL_API struct peal_arg peal_arg_from_string(const char *string);

static inline struct peal_arg peal_arg_from_arg(struct peal_arg arg)
{
	return arg;
}
static inline struct peal_arg peal_arg_from_bool(bool value)
{
	return (struct peal_arg){ .type = PEAL_ARG_BOOL, .value = { .boolean = value } };
}
static inline struct peal_arg peal_arg_from_int(int64_t value)
{
	return (struct peal_arg){ .type = PEAL_ARG_INT, .value = { .integer = value } };
}
static inline struct peal_arg peal_arg_from_uint(uint64_t value)
{
	return (struct peal_arg){ .type = PEAL_ARG_UINT, .value = { .natural = value } };
}
static inline struct peal_arg peal_arg_from_double(double value)
{
	return (struct peal_arg){ .type = PEAL_ARG_DOUBLE, .value = { .number = value } };
}
static inline struct peal_arg peal_arg_from_cjson(const struct cJSON *value)
{
	return (struct peal_arg){ .type = PEAL_ARG_CJSON, .value = { .cjson = value } };
}

/* PEAL_ARG() - one C value as struct peal_arg, by its type. */
#define PEAL_ARG(x) \
	_Generic((x),                                                                                                   \
		struct peal_arg: peal_arg_from_arg,                                                                     \
		bool: peal_arg_from_bool,                                                                               \
		char *: peal_arg_from_string,                                                                           \
		const char *: peal_arg_from_string,                                                                     \
		signed char: peal_arg_from_int,                                                                         \
		short: peal_arg_from_int,                                                                               \
		int: peal_arg_from_int,                                                                                 \
		long: peal_arg_from_int,                                                                                \
		long long: peal_arg_from_int,                                                                           \
		char: peal_arg_from_int,                                                                                \
		unsigned char: peal_arg_from_uint,                                                                      \
		unsigned short: peal_arg_from_uint,                                                                     \
		unsigned int: peal_arg_from_uint,                                                                       \
		unsigned long: peal_arg_from_uint,                                                                      \
		unsigned long long: peal_arg_from_uint,                                                                 \
		float: peal_arg_from_double,                                                                            \
		double: peal_arg_from_double,                                                                           \
		struct cJSON *: peal_arg_from_cjson,                                                                    \
		const struct cJSON *: peal_arg_from_cjson)(x)

/* A counted list of outgoing arguments, borrowed for a call. */
struct peal_values {
	const struct peal_arg *values;
	size_t count;
};

/* PEAL_VALUES(a, b, …) - up to 16 C values as a struct peal_values that lives as long as the
 * enclosing block. */
#define PEAL_VALUES(...) PEAL_VALUES_N_(__VA_OPT__(, ) __VA_ARGS__)
#define PEAL_VALUES_N_(...)                                                                       \
	PEAL_PICK_(__VA_ARGS__, PEAL_V16_, PEAL_V15_, PEAL_V14_, PEAL_V13_, PEAL_V12_, PEAL_V11_, \
		   PEAL_V10_, PEAL_V9_, PEAL_V8_, PEAL_V7_, PEAL_V6_, PEAL_V5_, PEAL_V4_,         \
		   PEAL_V3_, PEAL_V2_, PEAL_V1_, PEAL_V0_, 0)                                     \
	(__VA_ARGS__)
#define PEAL_PICK_(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, name, \
		   ...)                                                                            \
	name
#define PEAL_V0_(...) ((struct peal_values){ NULL, 0 })
#define PEAL_VN_(n, ...) ((struct peal_values){ (const struct peal_arg[]){ __VA_ARGS__ }, n })
#define PEAL_A_(x) PEAL_ARG(x)
#define PEAL_V1_(_, a) PEAL_VN_(1, PEAL_A_(a))
#define PEAL_V2_(_, a, b) PEAL_VN_(2, PEAL_A_(a), PEAL_A_(b))
#define PEAL_V3_(_, a, b, c) PEAL_VN_(3, PEAL_A_(a), PEAL_A_(b), PEAL_A_(c))
#define PEAL_V4_(_, a, b, c, d) PEAL_VN_(4, PEAL_A_(a), PEAL_A_(b), PEAL_A_(c), PEAL_A_(d))
#define PEAL_V5_(_, a, b, c, d, e) \
	PEAL_VN_(5, PEAL_A_(a), PEAL_A_(b), PEAL_A_(c), PEAL_A_(d), PEAL_A_(e))
#define PEAL_V6_(_, a, b, c, d, e, f) \
	PEAL_VN_(6, PEAL_A_(a), PEAL_A_(b), PEAL_A_(c), PEAL_A_(d), PEAL_A_(e), PEAL_A_(f))
#define PEAL_V7_(_, a, b, c, d, e, f, g)                                                    \
	PEAL_VN_(7, PEAL_A_(a), PEAL_A_(b), PEAL_A_(c), PEAL_A_(d), PEAL_A_(e), PEAL_A_(f), \
		 PEAL_A_(g))
#define PEAL_V8_(_, a, b, c, d, e, f, g, h)                                                 \
	PEAL_VN_(8, PEAL_A_(a), PEAL_A_(b), PEAL_A_(c), PEAL_A_(d), PEAL_A_(e), PEAL_A_(f), \
		 PEAL_A_(g), PEAL_A_(h))
#define PEAL_8_(a, b, c, d, e, f, g, h)                                                     \
	PEAL_A_(a), PEAL_A_(b), PEAL_A_(c), PEAL_A_(d), PEAL_A_(e), PEAL_A_(f), PEAL_A_(g), \
		PEAL_A_(h)
#define PEAL_V9_(_, a, b, c, d, e, f, g, h, i) \
	PEAL_VN_(9, PEAL_8_(a, b, c, d, e, f, g, h), PEAL_A_(i))
#define PEAL_V10_(_, a, b, c, d, e, f, g, h, i, j) \
	PEAL_VN_(10, PEAL_8_(a, b, c, d, e, f, g, h), PEAL_A_(i), PEAL_A_(j))
#define PEAL_V11_(_, a, b, c, d, e, f, g, h, i, j, k) \
	PEAL_VN_(11, PEAL_8_(a, b, c, d, e, f, g, h), PEAL_A_(i), PEAL_A_(j), PEAL_A_(k))
#define PEAL_V12_(_, a, b, c, d, e, f, g, h, i, j, k, l)                                  \
	PEAL_VN_(12, PEAL_8_(a, b, c, d, e, f, g, h), PEAL_A_(i), PEAL_A_(j), PEAL_A_(k), \
		 PEAL_A_(l))
#define PEAL_V13_(_, a, b, c, d, e, f, g, h, i, j, k, l, m)                               \
	PEAL_VN_(13, PEAL_8_(a, b, c, d, e, f, g, h), PEAL_A_(i), PEAL_A_(j), PEAL_A_(k), \
		 PEAL_A_(l), PEAL_A_(m))
#define PEAL_V14_(_, a, b, c, d, e, f, g, h, i, j, k, l, m, n)                            \
	PEAL_VN_(14, PEAL_8_(a, b, c, d, e, f, g, h), PEAL_A_(i), PEAL_A_(j), PEAL_A_(k), \
		 PEAL_A_(l), PEAL_A_(m), PEAL_A_(n))
#define PEAL_V15_(_, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)                         \
	PEAL_VN_(15, PEAL_8_(a, b, c, d, e, f, g, h), PEAL_A_(i), PEAL_A_(j), PEAL_A_(k), \
		 PEAL_A_(l), PEAL_A_(m), PEAL_A_(n), PEAL_A_(o))
#define PEAL_V16_(_, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) \
	PEAL_VN_(16, PEAL_8_(a, b, c, d, e, f, g, h), PEAL_8_(i, j, k, l, m, n, o, p))

/**
 * peal_args_new() - build arguments that outlive the call
 * @values:   C values; use PEAL_VALUES(…)
 * @ret_args: receives the arguments; free with peal_args_free()
 *
 * Return: 0; -ENOMEM; PEAL_EMIT_E_INVALID when a value cannot be encoded; PEAL_EMIT_E_TOO_LARGE for
 * more than 10 attachments or more than a frame may hold.
 */
PEAL_API PEAL_MUST_CHECK int peal_args_new(struct peal_values values, struct peal_args **ret_args);

/* Bytes of a binary attachment. */
struct peal_bytes {
	const void *bytes;
	size_t length;
};

/**
 * peal_args_new_from_json() - build arguments from the text of a JSON array
 * @text:        a JSON array; `{"_placeholder":true,"num":N}` anywhere in it is attachment N
 * @length:      bytes of @text
 * @attachments: copied; may be NULL when @count is 0
 * @count:       number of attachments, at most 10
 * @ret_args:    receives the arguments; free with peal_args_free()
 *
 * Return: 0; -ENOMEM; PEAL_EMIT_E_INVALID when the text is not a JSON array or a placeholder has no
 * attachment; PEAL_EMIT_E_TOO_LARGE as above.
 */
PEAL_API PEAL_MUST_CHECK int peal_args_new_from_json(const char *text, size_t length,
						     const struct peal_bytes *attachments,
						     size_t count, struct peal_args **ret_args);

/** peal_args_copy() - keep received arguments beyond the callback; free with peal_args_free().
 * Return: 0; -ENOMEM. */
PEAL_API PEAL_MUST_CHECK int peal_args_copy(const struct peal_args *args,
					    struct peal_args **ret_args);

/** peal_args_free() - free what peal_args_new*() or peal_args_copy() made; NULL is fine */
PEAL_API void peal_args_free(struct peal_args *args);

/** peal_args_count() - number of arguments */
PEAL_API size_t peal_args_count(const struct peal_args *args);

/**
 * peal_args_text() - the JSON text of all arguments, separated by commas, without the brackets, as
 * it came
 * @ret_length: receives its length in bytes; the text is not NUL-terminated
 */
PEAL_API const char *peal_args_text(const struct peal_args *args, size_t *ret_length);

/**
 * peal_args_item() - the JSON text of argument @index, as it came
 * @ret_length: receives its length in bytes; the text is not NUL-terminated
 *
 * Return: NULL when there is no such argument.
 */
PEAL_API const char *peal_args_item(const struct peal_args *args, size_t index, size_t *ret_length);

/**
 * peal_args_string() - argument @index as unescaped, NUL-terminated UTF-8
 *
 * The result lives as long as @args. A string that holds U+0000 is not returned (parse
 * peal_args_item() for those).
 *
 * Return: NULL when there is no such argument or it is not a string.
 */
PEAL_API const char *peal_args_string(const struct peal_args *args, size_t index);

/** peal_args_number() - argument @index as a number. Return: @fallback when there is none or it is
 * not a number. */
PEAL_API double peal_args_number(const struct peal_args *args, size_t index, double fallback);

/** peal_args_bool() - argument @index as a truth value. Return: @fallback when there is none or it
 * is neither. */
PEAL_API bool peal_args_bool(const struct peal_args *args, size_t index, bool fallback);

/**
 * peal_args_json() - argument @index as a parsed tree
 *
 * Parsed on the first call for this argument and kept as long as @args lives; do not modify or free
 * it. Placeholders of attachments appear as the objects they are on the wire (see
 * peal_args_attachment()). Where a string holds what cJSON cannot, U+0000 or half a surrogate pair,
 * the tree has U+FFFD.
 *
 * Return: NULL when there is no such argument or no memory.
 */
PEAL_API const struct cJSON *peal_args_json(const struct peal_args *args, size_t index);

/**
 * peal_args_bytes() - argument @index when it is binary itself
 * @ret_bytes: receives pointer and length; they live as long as @args
 *
 * Return: true when the argument is binary.
 */
PEAL_API bool peal_args_bytes(const struct peal_args *args, size_t index,
			      struct peal_bytes *ret_bytes);

/** peal_args_attachment_count() - number of binary attachments, at any depth */
PEAL_API size_t peal_args_attachment_count(const struct peal_args *args);

/** peal_args_attachment() - attachment number @num, as named by `{"_placeholder":true,"num":N}`;
 * {NULL, 0} if none */
PEAL_API struct peal_bytes peal_args_attachment(const struct peal_args *args, size_t num);

#endif
