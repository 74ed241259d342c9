/*
 * What counts of an acknowledgement where many are collected: its first argument, as the reference
 * does it.
 */
#include "protocol/json.h"
#include "server/server_private.h"

bool peal_answer_first(const struct peal_args *args, struct peal_args *ret_first)
{
	struct peal_json_facts facts;
	size_t attachment_count = 0;
	const char *start;
	if (!args->count)
		return false;
	const char *finish = peal_json_skip_value(args->text, args->text + args->length, &start);
	size_t length = (size_t)(finish - start);
	if (args->attachment_count && peal_json_validate(start, length, &facts) &&
	    facts.placeholders)
		attachment_count = (size_t)facts.placeholder_max + 1;
	/* A placeholder without bytes behind it is not made up. */
	if (attachment_count > args->attachment_count)
		attachment_count = args->attachment_count;
	peal_args_init(ret_first, start, length, 1, args->attachments, attachment_count);
	return true;
}
