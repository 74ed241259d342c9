/*
 * What a backend answers: any bytes about a client, and any bytes to events. Whatever is taken
 * makes valid data of a socket and names what may be named.
 */
#include "tests/fuzz/fuzz.h"

#include <peal/args.h>

#include "app/api_binary.h"
#include "app/hooks/webhook_answer.h"
#include "protocol/json.h"
#include "protocol/text.h"

static const char before[] = "{\"user\":\"alice\",\"name\":\"A\"}";

static void check_object(const char *json)
{
	struct peal_json_facts facts;

	FUZZ_CHECK(peal_json_validate(json, strlen(json), &facts));
	FUZZ_CHECK(facts.type == PEAL_JSON_OBJECT);
}

static void check_verdict(const char *text, size_t length, bool has_user)
{
	struct peal_webhook_verdict verdict;
	const char *wrong = NULL;
	struct peal_json_facts facts;
	int r = peal_webhook_verdict_read(text, length, has_user, &verdict, &wrong);

	FUZZ_CHECK(r >= 0 && (r == 0) == (wrong == NULL));
	if (r == 0) {
		char *data;

		FUZZ_CHECK(!verdict.user || (!has_user && verdict.allow));
		FUZZ_CHECK(verdict.rooms.count <= PEAL_TOKEN_ROOMS);
		for (size_t i = 0; i < verdict.rooms.count; i++)
			FUZZ_CHECK(strncmp(verdict.rooms.items[i], "user:", 5) != 0);
		if (verdict.error)
			FUZZ_CHECK(
				peal_json_validate(verdict.error, strlen(verdict.error), &facts));
		FUZZ_CHECK(peal_webhook_data(has_user ? before : "{}", &verdict, &data) == 0);
		check_object(data);
		/* Who it is stays first, where it is looked for. */
		FUZZ_CHECK(!has_user || !strncmp(data, "{\"user\":\"alice\"", 15));
		free(data);
	}
	peal_webhook_verdict_deinit(&verdict);
}

/* Values are judged one by one, and must lie inside of the text whatever they are. */
static void check_acks(const char *text, size_t length)
{
	struct peal_pieces acks;
	struct peal_piece id, value;
	const char *wrong = NULL;
	int r = peal_webhook_acks_read(text, length, &acks, &wrong);

	FUZZ_CHECK(r >= 0 && (r == 0) == (wrong == NULL));
	while (r == 0 && peal_piece_next(&acks, &id, &value)) {
		struct peal_args *args = NULL;
		char *array = malloc(value.length + 2);

		FUZZ_CHECK(array && value.length && value.at > text &&
			   value.at + value.length < text + length);
		array[0] = '[';
		memcpy(array + 1, value.at, value.length);
		array[value.length + 1] = ']';
		if (peal_api_args_read((struct peal_piece){ array, value.length + 2 }, &args,
				       &wrong) == 0)
			FUZZ_CHECK(peal_args_count(args) == 1);
		peal_args_free(args);
		free(array);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = fuzz_exact(data, size);

	check_verdict(exact, size, false);
	check_verdict(exact, size, true);
	check_acks(exact, size);
	free(exact);
	return 0;
}
