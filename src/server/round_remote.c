/*
 * The remote part of a round: what the clients of other nodes have answered, and who did not, as
 * the cluster layer reports it.
 *
 * Its answers stand among the local ones in order of arrival. They are copied here, so it is here
 * that their number and size have a ceiling; what is beyond it counts as missing.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/round.h"

int peal_round_open_remote(struct peal_round *round)
{
	round->remote = calloc(1, sizeof(*round->remote));
	if (!round->remote)
		return -ENOMEM;
	round->remote->open = true;
	return 0;
}

void **peal_round_remote(struct peal_round *round)
{
	assert(round->remote);
	return &round->remote->cluster;
}

void peal_round_remote_answer(struct peal_round *round, const struct peal_args *answer)
{
	struct peal_round_part *remote = round->remote;
	if (!remote || !remote->open)
		return;
	size_t bytes = 64;
	if (answer)
		bytes += answer->length;
	for (size_t i = 0; answer && i < answer->attachment_count; i++)
		bytes += answer->attachments[i].length;
	if (remote->answers >= PEAL_LIMIT_CLUSTER_ANSWERS ||
	    bytes > PEAL_LIMIT_CLUSTER_ANSWER_BYTES - remote->answer_bytes ||
	    peal_round_keep(round, answer) < 0)
		return;
	remote->answers++;
	remote->answer_bytes += bytes;
}

/* Names in one allocation with their array; NULL without memory. */
static const char **copy_names(const char *const *names, size_t count)
{
	size_t size = count * sizeof(char *);
	for (size_t i = 0; i < count; i++)
		size += strlen(names[i]) + 1;
	const char **copy = malloc(size);
	char *at = (char *)(copy + count);
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = at;
		at = stpcpy(at, names[i]) + 1;
	}
	return copy;
}

void peal_round_remote_end(struct peal_round *round, const struct peal_remote_result *result)
{
	struct peal_round_part *remote = round->remote;
	if (!remote || !remote->open)
		return;
	remote->open = false;
	/* A client that has answered is one that was asked, whatever its server says. */
	remote->clients_expected = result->clients_expected > remote->answers
					   ? result->clients_expected
					   : remote->answers;
	remote->servers_expected = result->servers_expected;
	remote->servers_answered = result->servers_answered;
	remote->unnamed_missing = result->unnamed_missing_servers;
	/* An answer that could not be kept is missing, too. */
	remote->complete = result->complete && remote->answers >= result->clients_expected;
	if (result->missing_server_count) {
		remote->missing_servers =
			copy_names(result->missing_servers, result->missing_server_count);
		if (remote->missing_servers)
			remote->missing_server_count = result->missing_server_count;
		else
			remote->unnamed_missing += result->missing_server_count;
	}
	if (round->local_ended)
		peal_round_end_later(round, peal_round_error(round));
}

void peal_round_forget_remote(struct peal_server *server)
{
	peal_list_each (link, &server->rounds) {
		struct peal_round *round = peal_container(link, struct peal_round, link);
		if (!round->ended && peal_round_waits(round))
			peal_round_remote_end(round, &(struct peal_remote_result){ 0 });
	}
}
