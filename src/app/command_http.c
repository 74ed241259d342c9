/*
 * One request to the HTTP API of a node, by libcurl.
 *
 * The key goes to the node that was named and nowhere else: redirects are not followed, and the
 * proxies of the environment are not used.
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "command_private.h"
#include "option_private.h"
#include "secret.h"

/* An answer with the acknowledgements of very many clients. */
#define ANSWER_CEILING (512u << 20)
/* Beyond the time that the API itself takes. */
#define SLACK_MS 15000
#define CONNECT_MS 5000

static size_t on_data(char *data, size_t size, size_t count, void *userdata)
{
	struct peal_answer *answer = userdata;
	size_t length = size * count;
	char *longer;

	if (length > ANSWER_CEILING - answer->length)
		return 0;
	longer = realloc(answer->body, answer->length + length + 1);
	if (!longer)
		return 0;
	memcpy(longer + answer->length, data, length);
	answer->body = longer;
	answer->length += length;
	longer[answer->length] = '\0';
	return length;
}

struct peal_piece peal_piece_member(struct peal_piece object, const char *key)
{
	struct peal_piece name, value;

	if (!object.length || *object.at != '{')
		return (struct peal_piece){ "", 0 };
	for (struct peal_pieces walk = peal_piece_into(object);
	     peal_piece_next(&walk, &name, &value);)
		if (peal_piece_is(name, key))
			return value;
	return (struct peal_piece){ "", 0 };
}

void peal_command_put_query(FILE *stream, const char *key, const char *value)
{
	fprintf(stream, "&%s=", key);
	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		if ((*c >= '0' && *c <= '9') || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z'))
			fputc(*c, stream);
		else
			fprintf(stream, "%%%02X", *c);
	}
}

/* An object, by its looks. A check of the whole would refuse what clients may answer with, such as
 * an array that is nested as deeply as they may send it. */
static void parse(struct peal_answer *answer)
{
	struct peal_piece value;

	if (!answer->body || strlen(answer->body) != answer->length ||
	    !peal_option_utf8_valid(answer->body))
		return;
	value = peal_piece_trim(answer->body, answer->length);
	if (value.length >= 2 && value.at[0] == '{' && value.at[value.length - 1] == '}')
		answer->value = value;
}

static int refused(const struct peal_command *command, const struct peal_answer *answer)
{
	struct peal_piece error = peal_piece_member(answer->value, "error");
	struct peal_piece message = peal_piece_member(error, "message");

	if (answer->status == 404)
		return peal_command_fail(command, "the node has no /api here: it needs --api-key, "
						  "and may have it on --internal-listen");
	fprintf(stderr, "peal %s: ", command->name);
	if (message.length)
		peal_command_put_piece(stderr, message);
	else
		fprintf(stderr, "the node answered with status %ld", answer->status);
	fputc('\n', stderr);
	if (answer->status == 401)
		fputs("Give the key as PEAL_API_KEY, --api-key-file or --api-key.\n", stderr);
	return answer->status == 400 ? PEAL_EXIT_USAGE : PEAL_EXIT_FAILURE;
}

static struct curl_slist *make_headers(const char *key)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char *line = calloc(1, strlen(key) + sizeof("Authorization: Bearer "));

	if (headers && line && *key) {
		struct curl_slist *longer;

		sprintf(line, "Authorization: Bearer %s", key);
		longer = curl_slist_append(headers, line);
		if (!longer)
			curl_slist_free_all(headers);
		headers = longer;
	}
	peal_secret_free(line);
	return headers;
}

static int perform(const struct peal_command *command, const char *url, const char *key,
		   const char *body, struct peal_answer *answer)
{
	long timeout_ms = SLACK_MS + (command->timeout ? atol(command->timeout) : 5000);
	struct curl_slist *headers = make_headers(key);
	char message[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_easy_init();
	CURLcode code;

	if (!curl || !headers) {
		curl_easy_cleanup(curl);
		curl_slist_free_all(headers);
		return peal_command_fail(command, "no memory");
	}
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		return peal_command_usage(command, "--url: is not the URL of a node");
	if (code != CURLE_OK)
		return peal_command_fail(command, "%s",
					 *message ? message : curl_easy_strerror(code));
	parse(answer);
	if (answer->status >= 200 && answer->status < 300 && answer->value.length)
		return PEAL_EXIT_ORDERLY;
	if (answer->status >= 200 && answer->status < 300)
		return peal_command_fail(command, "what answered is no node");
	return refused(command, answer);
}

static int find_key(const struct peal_command *command, char **ret_key)
{
	const char *variable = getenv("PEAL_API_KEY"), *file = getenv("PEAL_API_KEY_FILE");
	const char *key = command->api_key ? command->api_key : variable ? variable : "";
	struct peal_usage usage;

	if (command->api_key_file || (!*key && file && *file)) {
		const char *flag = command->api_key_file ? "--api-key-file" : "PEAL_API_KEY_FILE";
		int r = peal_secret_read(flag, command->api_key_file ? command->api_key_file : file,
					 ret_key, &usage);

		if (r > 0)
			return peal_command_usage(command, "%s", usage.text);
		if (r < 0)
			return peal_command_fail(command, "no memory");
	} else {
		*ret_key = strdup(key);
		if (!*ret_key)
			return peal_command_fail(command, "no memory");
	}
	if (**ret_key && !peal_option_is_key(*ret_key)) {
		peal_secret_free(*ret_key);
		return peal_command_usage(command, "the API key must be 1 to 1000 characters of "
						   "ASCII, without blanks");
	}
	return 0;
}

int peal_command_call(const struct peal_command *command, const char *path, const char *body,
		      struct peal_answer *answer)
{
	const char *base = command->url ? command->url : getenv("PEAL_URL");
	char *url = NULL, *key = NULL;
	size_t length;
	int code;

	*answer = (struct peal_answer){ .value = { "", 0 } };
	if (!base || !*base)
		base = "http://127.0.0.1:3000";
	length = strlen(base);
	while (length && base[length - 1] == '/')
		length--;
	code = find_key(command, &key);
	if (code)
		return code;
	if (asprintf(&url, "%.*s%s", (int)length, base, path) < 0)
		url = NULL;
	code = url ? perform(command, url, key, body, answer)
		   : peal_command_fail(command, "no memory");
	free(url);
	peal_secret_free(key);
	return code;
}

void peal_answer_deinit(struct peal_answer *answer)
{
	free(answer->body);
}
