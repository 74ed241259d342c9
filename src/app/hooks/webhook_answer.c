/*
 * What the backend answers.
 */
#include "webhook_answer.h"

#include <errno.h>
#include <peal/args.h>
#include <stdlib.h>
#include <string.h>

#include "../access/claims.h"

#define MESSAGE_BYTES 1024

static int nonsense(const char **ret_wrong, const char *wrong)
{
	*ret_wrong = wrong;
	return PEAL_WEBHOOK_E_NONSENSE;
}

/* What a function of claims.h returned. */
static int judge(int r, const char **ret_wrong, const char *wrong)
{
	return r > 0 ? nonsense(ret_wrong, wrong) : r;
}

/* Is it [], which PHP writes for an empty object? */
static bool is_empty(struct peal_piece value)
{
	return *value.at == '[' && !peal_piece_trim(value.at + 1, value.length - 2).length;
}

/* Does the answer say nothing: no text at all, or an empty object of PHP? */
static bool says_nothing(struct peal_piece text)
{
	return !text.length ||
	       (text.length >= 2 && is_empty(text) && text.at[text.length - 1] == ']');
}

/* --- about a client -------------------------------------------------------------------------- */

static int read_allow(struct peal_piece value, struct peal_webhook_verdict *verdict,
		      const char **ret_wrong)
{
	verdict->allow = *value.at == 't';
	return *value.at == 't' || *value.at == 'f'
		       ? 0
		       : nonsense(ret_wrong, "\"allow\" is neither true nor false");
}

static int read_data(struct peal_piece value, struct peal_webhook_verdict *verdict,
		     const char **ret_wrong)
{
	if (is_empty(value))
		return 0;
	if (*value.at != '{')
		return nonsense(ret_wrong, "\"data\" is not an object");
	if (peal_claims_has_user(value))
		return nonsense(ret_wrong, "\"data\" has a member \"user\"");
	verdict->data = value;
	return 0;
}

static int read_message(struct peal_piece value, struct peal_webhook_verdict *verdict,
			const char **ret_wrong)
{
	static const char wrong[] = "\"error.message\" is not a text of up to 1024 bytes";

	if (*value.at != '"')
		return nonsense(ret_wrong, wrong);
	verdict->message = peal_piece_string(value);
	if (!verdict->message)
		return errno ? -ENOMEM : nonsense(ret_wrong, wrong);
	return strlen(verdict->message) <= MESSAGE_BYTES ? 0 : nonsense(ret_wrong, wrong);
}

static int read_error(struct peal_piece value, struct peal_webhook_verdict *verdict,
		      const char **ret_wrong)
{
	struct peal_pieces walk;
	struct peal_piece key, member;
	int r = 0;

	if (*value.at != '{')
		return nonsense(ret_wrong, "\"error\" is not an object");
	for (walk = peal_piece_into(value); r == 0 && peal_piece_next(&walk, &key, &member);) {
		if (peal_piece_is(key, "message")) {
			r = read_message(member, verdict, ret_wrong);
		} else if (peal_piece_is(key, "data")) {
			verdict->error = strndup(member.at, member.length);
			r = verdict->error ? 0 : -ENOMEM;
		} else {
			r = nonsense(ret_wrong, "\"error\" has another member than message and "
						"data");
		}
	}
	return r;
}

static int read_member(struct peal_piece key, struct peal_piece value,
		       struct peal_webhook_verdict *verdict, const char **ret_wrong)
{
	if (peal_piece_is(key, "allow"))
		return read_allow(value, verdict, ret_wrong);
	if (peal_piece_is(key, "user"))
		return *value.at == 'n'
			       ? 0
			       : judge(peal_claims_user(value, &verdict->user), ret_wrong,
				       "\"user\" is not a text of 1 to 255 bytes without control "
				       "characters, nor a whole number");
	if (peal_piece_is(key, "rooms"))
		return judge(peal_claims_rooms(value, &verdict->rooms), ret_wrong,
			     "\"rooms\" is not an array of up to 100 texts of 1 to 1024 bytes "
			     "without control characters and without user: in front");
	if (peal_piece_is(key, "data"))
		return read_data(value, verdict, ret_wrong);
	if (peal_piece_is(key, "error"))
		return read_error(value, verdict, ret_wrong);
	return nonsense(ret_wrong, "there is another member than allow, user, rooms, data and "
				   "error");
}

int peal_webhook_verdict_read(const char *body, size_t length, bool has_user,
			      struct peal_webhook_verdict *verdict, const char **ret_wrong)
{
	struct peal_piece key, value;
	struct peal_pieces walk;
	bool error = false;
	int r;

	*verdict = (struct peal_webhook_verdict){ .allow = true };
	if (says_nothing(peal_piece_trim(body, length)))
		return 0;
	r = judge(peal_members_read(body, length, &verdict->members), ret_wrong,
		  "it is not a JSON object, or one with a key twice or nested too deep");
	if (r != 0)
		return r;
	walk = peal_piece_into(verdict->members.object);
	while (r == 0 && peal_piece_next(&walk, &key, &value)) {
		error |= peal_piece_is(key, "error");
		r = read_member(key, value, verdict, ret_wrong);
	}
	if (r != 0)
		return r;
	if (verdict->user && has_user)
		return nonsense(ret_wrong, "\"user\" is given, and the token has one");
	if (error && verdict->allow)
		return nonsense(ret_wrong, "\"error\" goes with \"allow\": false only");
	if (!verdict->allow && (verdict->user || verdict->rooms.count || verdict->data.length))
		return nonsense(ret_wrong, "\"allow\" is false, and more than \"error\" is given");
	return 0;
}

void peal_webhook_verdict_deinit(struct peal_webhook_verdict *verdict)
{
	free(verdict->user);
	free(verdict->message);
	free(verdict->error);
	peal_token_list_deinit(&verdict->rooms);
	peal_members_deinit(&verdict->members);
	*verdict = (struct peal_webhook_verdict){ 0 };
}

/* --- data of a socket ------------------------------------------------------------------------ */

struct merging {
	FILE *stream;
	const char *comma;
};

static void put(struct merging *merging, struct peal_piece key, struct peal_piece value)
{
	fprintf(merging->stream, "%s%.*s:%.*s", merging->comma, (int)key.length, key.at,
		(int)value.length, value.at);
	merging->comma = ",";
}

/* Has the object this key, however each is written? Return: 0; 1; -ENOMEM. */
static int has_key(struct peal_piece object, struct peal_piece key)
{
	char *wanted = peal_piece_string(key);
	struct peal_piece other, value;
	struct peal_pieces walk;
	int found = wanted || !errno ? 0 : -ENOMEM;

	for (walk = peal_piece_into(object);
	     wanted && !found && peal_piece_next(&walk, &other, &value);) {
		char *text = peal_piece_string(other);

		found = text ? !strcmp(text, wanted) : errno ? -ENOMEM : 0;
		free(text);
	}
	free(wanted);
	return found;
}

static int merge(struct merging *merging, struct peal_piece before,
		 const struct peal_webhook_verdict *verdict)
{
	struct peal_piece key, value;
	struct peal_pieces walk;

	if (verdict->user) {
		fputs("\"user\":", merging->stream);
		peal_piece_put_string(merging->stream, verdict->user);
		merging->comma = ",";
	}
	for (walk = peal_piece_into(before); peal_piece_next(&walk, &key, &value);) {
		int r = verdict->data.length ? has_key(verdict->data, key) : 0;

		if (r < 0)
			return r;
		if (!r)
			put(merging, key, value);
	}
	if (verdict->data.length)
		for (walk = peal_piece_into(verdict->data); peal_piece_next(&walk, &key, &value);)
			put(merging, key, value);
	return 0;
}

int peal_webhook_data(const char *before, const struct peal_webhook_verdict *verdict,
		      char **ret_data)
{
	char *text = NULL;
	size_t length = 0;
	struct merging merging = { open_memstream(&text, &length), "" };
	int r;

	if (!merging.stream)
		return -ENOMEM;
	fputc('{', merging.stream);
	r = merge(&merging, peal_piece_trim(before, strlen(before)), verdict);
	fputc('}', merging.stream);
	if (fclose(merging.stream) != 0)
		r = -ENOMEM;
	if (r == 0)
		*ret_data = text;
	else
		free(text);
	return r;
}

/* --- to events ------------------------------------------------------------------------------- */

/* Are all strings and brackets of an object closed? Then its pieces are what they seem. */
static bool is_whole(struct peal_piece object)
{
	size_t depth = 0;

	for (size_t i = 0; i < object.length; i++) {
		char c = object.at[i];

		if (c == '"') {
			for (i++; i < object.length && object.at[i] != '"'; i++)
				i += object.at[i] == '\\';
			if (i >= object.length)
				return false;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && !--depth) {
			return i + 1 == object.length;
		}
	}
	return false;
}

static int find_acks(struct peal_piece text, struct peal_piece *ret_acks, const char **ret_wrong)
{
	struct peal_piece key, value;
	struct peal_pieces walk;

	for (walk = peal_piece_into(text); peal_piece_next(&walk, &key, &value);) {
		if (!peal_piece_is(key, "acks"))
			return nonsense(ret_wrong, "there is another member than acks");
		if (ret_acks->length)
			return nonsense(ret_wrong, "\"acks\" is there twice");
		if (*value.at != '{' && !is_empty(value))
			return nonsense(ret_wrong, "\"acks\" is not an object");
		*ret_acks = value;
	}
	return 0;
}

/* The text as an array, with a 0 for each acknowledgement. Return: NULL without memory. */
static char *make_skeleton(struct peal_piece text, struct peal_piece acks, size_t *ret_length)
{
	char *skeleton = malloc(text.length + 2), *out = skeleton;
	struct peal_pieces walk = peal_piece_into(acks);
	const char *from = text.at, *end = text.at + text.length;
	struct peal_piece key, value;

	if (!skeleton)
		return NULL;
	*out++ = '[';
	while (peal_piece_next(&walk, &key, &value)) {
		memcpy(out, from, (size_t)(value.at - from));
		out += value.at - from;
		*out++ = '0';
		from = value.at + value.length;
	}
	memcpy(out, from, (size_t)(end - from));
	out += end - from;
	*out++ = ']';
	*ret_length = (size_t)(out - skeleton);
	return skeleton;
}

int peal_webhook_acks_read(const char *body, size_t length, struct peal_pieces *ret_acks,
			   const char **ret_wrong)
{
	struct peal_piece text = peal_piece_trim(body, length), acks = { text.at, 0 };
	struct peal_args *args = NULL;
	char *skeleton;
	int r;

	*ret_acks = (struct peal_pieces){ body, body };
	if (says_nothing(text))
		return 0;
	if (*text.at != '{' || !is_whole(text))
		return nonsense(ret_wrong, "it is not a JSON object");
	r = find_acks(text, &acks, ret_wrong);
	if (r != 0)
		return r;
	/* Not the text as it is: it is invalid as arguments where a client wrote what looks like an
	 * attachment, or nested as deep as it may. */
	skeleton = make_skeleton(text, acks, &length);
	if (!skeleton)
		return -ENOMEM;
	r = peal_args_new_from_json(skeleton, length, NULL, 0, &args);
	free(skeleton);
	if (r < 0)
		return r;
	if (r > 0 || peal_args_count(args) != 1)
		r = nonsense(ret_wrong, "it is not a JSON object");
	else if (acks.length)
		*ret_acks = peal_piece_into(acks);
	peal_args_free(args);
	return r;
}
