/*
 * Who may connect, and until when. rules.c has what clients may do then, limits.c
 * how often.
 *
 * The userdata of a socket is first the time when its token ends, which needs no memory that a
 * client who never gets connected could leave behind, and from the connection on its entry in the
 * wheel. One timer turns the wheel.
 */
#include "access.h"

#include <errno.h>
#include <event2/event.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "expiry.h"
#include "identity.h"
#include "limits.h"
#include "payload.h"
#include "policy.h"
#include "refuse.h"
#include "rules.h"

/* Clients that are disconnected in one turn of the loop; the next ones follow at once. */
#define EXPIRED_PER_TURN 256
#define NEXT_TURN_US 1000

#define EXPIRED_EVENT "peal:expired"

#define DATA(code) PEAL_REFUSE_DATA(code)
static const char TOKEN_EXPIRED[] = DATA("token_expired");

struct guard {
	struct peal_access *access;
	const struct peal_policy *policy;
};

struct peal_access {
	struct peal_logging *logging;
	struct peal_policies policies;
	struct guard *guards; /* one for each policy */
	struct peal_rules rules;
	struct peal_limits limits;
	struct peal_expiry wheel;
	struct event *tick; /* armed while the wheel has entries */
};

/* A client whose token ends. */
struct client {
	struct peal_expiry_entry entry;
	struct peal_socket *socket;
};

/* --- connecting ------------------------------------------------------------------------------ */

static void refuse(const struct guard *guard, struct peal_socket *socket, struct peal_next *next,
		   const char *data, const char *reason)
{
	peal_refuse(guard->access->logging, socket, next, data, reason);
}

static int check_token(const struct guard *guard, struct peal_piece piece, int64_t now,
		       struct peal_token *token, const char **ret_reason)
{
	*token = (struct peal_token){ 0 };
	if (*piece.at != '"') {
		*ret_reason = "the token is not a string";
		return PEAL_TOKEN_E_INVALID;
	}
	/* No character of a token needs an escape, so a text with one is no token. */
	return peal_token_check(piece.at + 1, piece.length - 2, &guard->policy->rules, now, token,
				ret_reason);
}

static void admit(const struct guard *guard, struct peal_socket *socket, struct peal_next *next,
		  const struct peal_token *token, int64_t now)
{
	/* Within the skew its own clock says that the token is still good. */
	int64_t end =
		token->expires > now ? token->expires : token->expires + PEAL_TOKEN_SKEW_SECONDS;

	if (peal_socket_set_data(socket, token->data) != 0 ||
	    peal_identity_join(socket, token->user, &token->rooms) != 0 ||
	    peal_payload_hide_token(socket) != 0) {
		refuse(guard, socket, next, DATA("internal"), "no memory");
		return;
	}
	peal_socket_set_userdata(socket, (void *)(intptr_t)end);
	peal_next_accept(next);
}

static void on_connect(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	const struct guard *guard = userdata;
	int64_t now = time(NULL);
	struct peal_piece piece;
	struct peal_token token;
	const char *reason = "no memory";

	if (!peal_payload_token(socket, &piece)) {
		if (guard->policy->optional)
			peal_next_accept(next);
		else
			refuse(guard, socket, next, DATA("token_missing"), "there is no token");
		return;
	}
	switch (check_token(guard, piece, now, &token, &reason)) {
	case 0:
		admit(guard, socket, next, &token, now);
		break;
	case PEAL_TOKEN_E_EXPIRED:
		refuse(guard, socket, next, TOKEN_EXPIRED, reason);
		break;
	case PEAL_TOKEN_E_EARLY:
		refuse(guard, socket, next, DATA("token_not_yet_valid"), reason);
		break;
	case PEAL_TOKEN_E_INVALID:
		refuse(guard, socket, next, DATA("token_invalid"), reason);
		break;
	default:
		refuse(guard, socket, next, DATA("internal"), reason);
	}
	peal_token_deinit(&token);
}

/* --- the end of a token ---------------------------------------------------------------------- */

static void arm(struct peal_access *access, bool at_once)
{
	const struct timeval second = { 1, 0 }, soon = { 0, NEXT_TURN_US };

	if (access->wheel.count)
		event_add(access->tick, at_once ? &soon : &second);
}

static void on_tick(evutil_socket_t fd, short events, void *userdata)
{
	struct peal_access *access = userdata;
	struct peal_expiry_entry *entry = NULL;
	int64_t now = time(NULL);
	unsigned count = 0;

	(void)fd, (void)events;
	while (count < EXPIRED_PER_TURN && (entry = peal_expiry_next(&access->wheel, now))) {
		struct peal_socket *socket = ((struct client *)(void *)entry)->socket;

		(void)peal_socket_emit(socket, 0, EXPIRED_EVENT, PEAL_JSON(TOKEN_EXPIRED));
		(void)peal_socket_disconnect(socket, false);
		count++;
	}
	arm(access, entry != NULL);
}

static void on_connection(struct peal_socket *socket, void *userdata)
{
	struct peal_access *access = ((const struct guard *)userdata)->access;
	int64_t end = (intptr_t)peal_socket_userdata(socket);
	struct client *client = NULL;

	peal_socket_set_userdata(socket, NULL);
	if (!end) /* it came without a token, and may */
		return;
	client = malloc(sizeof(*client));
	if (!client) {
		/* It would stay for ever. */
		(void)peal_socket_disconnect(socket, false);
		return;
	}
	*client = (struct client){ .socket = socket };
	peal_expiry_add(&access->wheel, &client->entry, end);
	peal_socket_set_userdata(socket, client);
	if (access->wheel.count == 1)
		arm(access, false);
}

static void on_disconnect(struct peal_socket *socket, const char *reason, const char *description,
			  void *userdata)
{
	struct peal_access *access = ((const struct guard *)userdata)->access;
	struct client *client = peal_socket_userdata(socket);

	(void)reason, (void)description;
	if (!client)
		return;
	peal_expiry_remove(&access->wheel, &client->entry);
	peal_socket_set_userdata(socket, NULL);
	free(client);
}

/* --- set up ---------------------------------------------------------------------------------- */

int peal_access_new(const struct peal_settings *settings, struct peal_logging *logging,
		    struct peal_access **ret_access, struct peal_usage *usage)
{
	struct peal_access *access = calloc(1, sizeof(*access));
	int r;

	if (!access)
		return -ENOMEM;
	access->logging = logging;
	access->limits = (struct peal_limits){ settings->client_events_per_second, logging, NULL };
	peal_expiry_init(&access->wheel, time(NULL));
	r = peal_policies_load(settings, &access->policies, usage);
	if (r == 0)
		r = peal_rules_load(settings, logging, &access->rules, usage);
	if (r == 0 && access->policies.count) {
		access->guards = calloc(access->policies.count, sizeof(*access->guards));
		r = access->guards ? 0 : -ENOMEM;
	}
	if (r != 0) {
		peal_access_free(access);
		return r;
	}
	for (size_t i = 0; i < access->policies.count; i++)
		access->guards[i] = (struct guard){ access, &access->policies.items[i] };
	*ret_access = access;
	return 0;
}

void peal_access_free(struct peal_access *access)
{
	if (!access)
		return;
	if (access->tick)
		event_free(access->tick);
	free(access->guards);
	peal_policies_deinit(&access->policies);
	peal_rules_deinit(&access->rules);
	peal_limits_deinit(&access->limits);
	free(access);
}

int peal_access_attach(struct peal_access *access, struct event_base *base,
		       struct peal_namespace *ns, const char *name)
{
	const struct peal_policy *policy = peal_policies_find(&access->policies, name);
	struct guard *guard;
	int r = peal_limits_attach(&access->limits, ns);

	/* Where a client comes from is looked at before its token. */
	if (r == 0)
		r = peal_rules_attach(&access->rules, ns, name);
	if (r != 0)
		return r;
	if (!policy) {
		if (access->policies.count)
			peal_logging_say(access->logging, PEAL_LOG_WARNING,
					 "a namespace has no key: anybody may connect to it",
					 PEAL_LOGGING_TEXT("namespace", name));
		return 0;
	}
	if (!access->tick)
		access->tick = evtimer_new(base, on_tick, access);
	if (!access->tick)
		return -ENOMEM;
	guard = &access->guards[policy - access->policies.items];
	r = peal_use(ns, on_connect, guard);
	if (r == 0)
		r = peal_on_connection(ns, on_connection, guard);
	if (r == 0)
		r = peal_on_disconnect(ns, on_disconnect, guard);
	return r;
}

int peal_access_change(struct peal_access *access, struct peal_access *fresh)
{
	int r = peal_policies_exchange(&access->policies, &fresh->policies);

	if (r >= 0)
		peal_rules_exchange(&access->rules, &fresh->rules);
	return r;
}
