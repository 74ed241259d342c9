/*
 * The MessagePack of the library for tests in JavaScript, line by line:
 *
 *   pack JSON   answered by the bytes in hexadecimal digits
 *   print HEX   answered by JSON text and the bytes of its attachments, with U+0001 between them
 *
 * What cannot be done is answered by "error".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/limits.h"
#include "protocol/json.h"
#include "protocol/msgpack.h"

static void put_hex(const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		printf("%02x", ((const unsigned char *)bytes)[i]);
}

static bool pack(const char *text, size_t length, struct peal_buffer *out)
{
	struct peal_json_facts facts;
	if (!peal_json_validate(text, length, &facts) ||
	    peal_msgpack_put_json(out, text, length, NULL, 0) || peal_buffer_error(out))
		return false;
	put_hex(out->bytes, out->length);
	return true;
}

static bool print(const char *digits, size_t length, struct peal_buffer *out)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	size_t count = 0;
	char *bytes = malloc(length / 2 + 1);
	if (!bytes)
		return false;
	for (size_t i = 0; i < length / 2; i++)
		bytes[i] = (char)(peal_hex_value(digits[2 * i]) << 4 |
				  peal_hex_value(digits[2 * i + 1]));
	struct peal_msgpack_reader reader = peal_msgpack_reader(bytes, length / 2);
	bool printed =
		!peal_msgpack_to_json(&reader, out, attachments, &count) && reader.at == reader.end;
	if (printed) {
		fwrite(out->bytes, 1, out->length, stdout);
		for (size_t i = 0; i < count; i++) {
			putchar(1);
			put_hex(attachments[i].bytes, attachments[i].length);
		}
	}
	free(bytes);
	return printed;
}

int main(void)
{
	struct peal_buffer out = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	while ((length = getline(&line, &capacity, stdin)) > 0) {
		length -= line[length - 1] == '\n';
		bool done = false;
		peal_buffer_clear(&out);
		if (length >= 5 && !memcmp(line, "pack ", 5))
			done = pack(line + 5, (size_t)length - 5, &out);
		else if (length >= 6 && !memcmp(line, "print ", 6))
			done = print(line + 6, (size_t)length - 6, &out);
		puts(done ? "" : "error");
	}
	peal_buffer_deinit(&out);
	free(line);
	return 0;
}
