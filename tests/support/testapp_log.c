/*
 * What the test application tells its tests: log entries, and arguments as JSON with placeholders
 * beside a list of attachments in hexadecimal digits.
 */
#include "testapp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *testapp_entry(struct testapp *app, const char *e)
{
	cJSON *entry = cJSON_CreateObject();

	cJSON_AddStringToObject(entry, "e", e);
	if (app->quiet)
		cJSON_DeleteItemFromArray(app->log, 0);
	cJSON_AddItemToArray(app->log, entry);
	return entry;
}

cJSON *testapp_socket_entry(struct testapp *app, const char *e, const struct peal_socket *socket)
{
	cJSON *entry = testapp_entry(app, e);

	cJSON_AddStringToObject(entry, "ns", peal_namespace_name(peal_socket_namespace(socket)));
	cJSON_AddStringToObject(entry, "id", peal_socket_id(socket));
	return entry;
}

static cJSON *to_hex(struct peal_bytes bytes)
{
	char *text = malloc(bytes.length * 2 + 1);
	cJSON *item;

	for (size_t at = 0; at < bytes.length; at++)
		snprintf(text + at * 2, 3, "%02x", ((const unsigned char *)bytes.bytes)[at]);
	text[bytes.length * 2] = 0;
	item = cJSON_CreateString(text);
	free(text);
	return item;
}

unsigned char *testapp_from_hex(const char *text, size_t *ret_length)
{
	size_t length = strlen(text) / 2;
	unsigned char *bytes = malloc(length + 1);

	for (size_t at = 0; at < length; at++) {
		unsigned byte = 0;

		sscanf(text + at * 2, "%2x", &byte);
		bytes[at] = (unsigned char)byte;
	}
	*ret_length = length;
	return bytes;
}

void testapp_pack(cJSON *object, const struct peal_args *args)
{
	cJSON *attachments;
	const char *text;
	char *array;
	size_t length;

	text = peal_args_text(args, &length);
	array = malloc(length + 3);
	array[0] = '[';
	memcpy(array + 1, text, length);
	memcpy(array + 1 + length, "]", 2);
	cJSON_AddRawToObject(object, "args", array);
	free(array);
	attachments = cJSON_AddArrayToObject(object, "attachments");
	for (size_t num = 0; num < peal_args_attachment_count(args); num++)
		cJSON_AddItemToArray(attachments, to_hex(peal_args_attachment(args, num)));
}

int testapp_unpack(const cJSON *command, struct peal_args **ret_args)
{
	struct peal_bytes attachments[16] = { 0 };
	const cJSON *args = cJSON_GetObjectItemCaseSensitive(command, "args");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(command, "attachments"), *item;
	char *text = args ? cJSON_PrintUnformatted(args) : strdup("[]");
	size_t count = 0;
	int result;

	cJSON_ArrayForEach(item, list)
	{
		if (count == 16)
			break;
		attachments[count].bytes =
			testapp_from_hex(item->valuestring, &attachments[count].length);
		count++;
	}
	result = peal_args_new_from_json(text, strlen(text), attachments, count, ret_args);
	while (count > 0)
		free((void *)attachments[--count].bytes);
	free(text);
	return result;
}
