/* Prints what the objects of a client weigh, so that growth shows in review, and holds the budgets.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/frame.h"
#include "engine/transport.h"
#include "http/private.h"
#include "server/server_private.h"
#include "transport/websocket.h"
#include "tests/unit/unit.h"

/*
 * Budgets in bytes. What libwebsockets takes for a connection is not here; the end-to-end test that
 * measures resident memory per idle client has it all.
 */
static const struct size {
	const char *name;
	size_t bytes, budget;
} sizes[] = {
	{ "struct peal_frame, without its bytes", sizeof(struct peal_frame), 40 },
	{ "struct peal_session, without its id", sizeof(struct peal_session), 232 },
	{ "struct peal_sequence with its frames, only while several are queued",
	  sizeof(struct peal_sequence) + PEAL_SEQUENCE_FRAMES * sizeof(struct peal_frame *), 128 },
	{ "struct peal_websocket", sizeof(struct peal_websocket), 104 },
	{ "struct peal_client", sizeof(struct peal_client), 112 },
	{ "struct peal_socket", sizeof(struct peal_socket), 208 },
	{ "struct peal_membership and struct peal_member",
	  sizeof(struct peal_membership) + sizeof(struct peal_member), 32 },
	{ "struct peal_http_connection, also of a polling client",
	  sizeof(struct peal_http_connection), 448 },
};

START_TEST(the_objects_of_a_client_stay_within_their_budgets)
{
	size_t total = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fprintf(stderr, "%5zu of %5zu  %s\n", sizes[i].bytes, sizes[i].budget,
			sizes[i].name);
		ck_assert_uint_le(sizes[i].bytes, sizes[i].budget);
		total += sizes[i].bytes;
	}
	ck_assert_uint_gt(total, 0);
}
END_TEST

UNIT_MAIN("sizes", the_objects_of_a_client_stay_within_their_budgets)
