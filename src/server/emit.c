/*
 * The emit family: checks, then the broadcaster, then what leaves the node.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"
#include "server/server_private.h"

static int count_failure(const struct peal_namespace *ns, int r)
{
	if (r && ns && ns->server)
		ns->server->stats->emits_failed++;
	return r;
}

bool peal_event_is_reserved(const char *event)
{
	return event && peal_event_reserved(event, strlen(event));
}

static int check_event(const char *event, const struct peal_args *args)
{
	size_t length = event ? strlen(event) : 0;
	if (!event || !args || !peal_name_valid(event, length))
		return PEAL_EMIT_E_INVALID;
	if (peal_event_reserved(event, length))
		return PEAL_EMIT_E_RESERVED;
	return peal_encode_check(args);
}

static int check(const struct peal_namespace *ns, const struct peal_target *target,
		 const char *event, const struct peal_args *args)
{
	int r = peal_namespace_check(ns);
	if (!r)
		r = peal_selection_check(target);
	return r ? r : check_event(event, args);
}

/*
 * What other servers are told of a selection: the sender's own-id room is one more exception for
 * them. Free *ret_except afterwards.
 */
static int target_for_others(const struct peal_selection *selection, struct peal_target *ret_target,
			     const char ***ret_except)
{
	*ret_target = selection->target ? *selection->target : (struct peal_target){ 0 };
	*ret_except = NULL;
	if (!selection->sender)
		return 0;
	size_t count = ret_target->except.count;
	const char **except = malloc((count + 1) * sizeof(*except));
	if (!except)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		except[i] = ret_target->except.names[i];
	except[count] = selection->sender;
	ret_target->except = PEAL_ROOM_LIST(except, count + 1);
	*ret_except = except;
	return 0;
}

static bool is_local(const struct peal_selection *selection)
{
	return selection->target && (selection->target->flags & PEAL_LOCAL);
}

static int publish(struct peal_namespace *ns, const struct peal_selection *selection,
		   const char *event, const struct peal_args *args)
{
	const struct peal_remote *remote = ns->server->remote;
	struct peal_target target;
	const char **except;
	if (!remote || !remote->broadcast || is_local(selection))
		return 0;
	int r = target_for_others(selection, &target, &except);
	if (r < 0)
		return r;
	remote->broadcast(ns, &target, event, strlen(event), args, remote->context);
	free(except);
	return 0;
}

/* What is refused has reached nobody, so this is found out before the local clients are asked. */
static int may_ask_others(struct peal_namespace *ns, const struct peal_selection *selection)
{
	const struct peal_remote *remote = ns->server->remote;
	if (!remote || !remote->may_ask || is_local(selection))
		return 0;
	return remote->may_ask(ns, remote->context);
}

/* Ask the clients of the other servers, too. */
static int ask_others(const struct peal_broadcast *broadcast,
		      const struct peal_selection *selection, unsigned timeout_ms)
{
	struct peal_namespace *ns = broadcast->ns;
	const struct peal_remote *remote = ns->server->remote;
	struct peal_target target;
	const char **except;
	if (!remote || !remote->ask || is_local(selection))
		return 0;
	int r = target_for_others(selection, &target, &except);
	if (r < 0)
		return r;
	r = peal_round_open_remote(broadcast->round);
	if (!r)
		r = remote->ask(ns, &target, broadcast->event, broadcast->event_length,
				broadcast->args, timeout_ms, broadcast->round, remote->context);
	free(except);
	return r;
}

static int emit_one(struct peal_namespace *ns, const struct peal_selection *selection,
		    const char *event, const struct peal_args *args)
{
	struct peal_broadcast broadcast = {
		.ns = ns,
		.event = event,
		.event_length = strlen(event),
		.args = args,
		.flags = selection->target ? selection->target->flags : 0,
		.id = PEAL_PACKET_NO_ID,
	};
	int r = peal_broadcast_deliver(&broadcast, selection);
	return r ? r : publish(ns, selection, event, args);
}

static int emit(struct peal_namespace *ns, const struct peal_selection *selection,
		const char *event, const struct peal_args *args)
{
	int r = check(ns, selection->target, event, args);
	if (r)
		return count_failure(ns, r);
	ns = peal_namespace_served(ns);
	ns->server->stats->emits++;
	if (!ns->is_parent)
		return count_failure(ns, emit_one(ns, selection, event, args));
	peal_list_each (link, &ns->children) {
		int one = emit_one(peal_container(link, struct peal_namespace, sibling), selection,
				   event, args);
		r = r ? r : one;
	}
	return count_failure(ns, r);
}

static int emit_ack(struct peal_namespace *ns, const struct peal_selection *selection,
		    unsigned timeout_ms, peal_acks_fn *fn, void *userdata, const char *event,
		    const struct peal_args *args)
{
	struct peal_broadcast broadcast = {
		.ns = ns,
		.event = event,
		.args = args,
		.flags = selection->target ? selection->target->flags : 0,
	};
	int r = check(ns, selection->target, event, args);
	if (!r && !timeout_ms)
		r = PEAL_EMIT_E_TIMEOUT_MISSING;
	/* Each child counts its own ids: one round cannot span them. */
	if (!r && ns->is_parent)
		r = PEAL_EMIT_E_INVALID;
	if (r)
		return count_failure(ns, r);
	broadcast.ns = ns = peal_namespace_served(ns);
	r = may_ask_others(ns, selection);
	if (!r)
		r = peal_round_new(ns, timeout_ms, fn, userdata, &broadcast.round);
	if (r)
		return count_failure(ns, r);
	ns->server->stats->emits++;
	broadcast.event_length = strlen(event);
	r = peal_broadcast_deliver(&broadcast, selection);
	if (!r)
		r = ask_others(&broadcast, selection, timeout_ms);
	if (r)
		peal_round_abandon(broadcast.round);
	else
		peal_round_start(broadcast.round);
	return count_failure(ns, r);
}

/* --- from a namespace --------------------------------------------------------------------------
 */

int peal_emit_args(struct peal_namespace *ns, const struct peal_target *target, const char *event,
		   const struct peal_args *args)
{
	return emit(ns, &(struct peal_selection){ .target = target }, event, args);
}

int peal_emit_values(struct peal_namespace *ns, const struct peal_target *target, const char *event,
		     struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return count_failure(ns, r);
	r = peal_emit_args(ns, target, event, &args);
	peal_args_deinit(&args);
	return r;
}

int peal_emit_ack_args(struct peal_namespace *ns, const struct peal_target *target,
		       unsigned timeout_ms, peal_acks_fn *fn, void *userdata, const char *event,
		       const struct peal_args *args)
{
	return emit_ack(ns, &(struct peal_selection){ .target = target }, timeout_ms, fn, userdata,
			event, args);
}

int peal_emit_ack_values(struct peal_namespace *ns, const struct peal_target *target,
			 unsigned timeout_ms, peal_acks_fn *fn, void *userdata, const char *event,
			 struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return count_failure(ns, r);
	r = peal_emit_ack_args(ns, target, timeout_ms, fn, userdata, event, &args);
	peal_args_deinit(&args);
	return r;
}

/* --- from a socket: to the others --------------------------------------------------------------
 */

/* Until its last disconnect callback has returned: "user left" is told from there. */
static bool may_broadcast(const struct peal_socket *socket)
{
	return socket && socket->state != PEAL_SOCKET_GONE;
}

int peal_socket_broadcast_args(struct peal_socket *socket, const struct peal_target *target,
			       const char *event, const struct peal_args *args)
{
	if (!may_broadcast(socket))
		return count_failure(socket ? socket->ns : NULL, PEAL_EMIT_E_GONE);
	return emit(socket->ns, &(struct peal_selection){ target, socket->id }, event, args);
}

int peal_socket_broadcast_values(struct peal_socket *socket, const struct peal_target *target,
				 const char *event, struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	if (!may_broadcast(socket))
		return count_failure(socket ? socket->ns : NULL, PEAL_EMIT_E_GONE);
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return count_failure(socket->ns, r);
	r = peal_socket_broadcast_args(socket, target, event, &args);
	peal_args_deinit(&args);
	return r;
}

int peal_socket_broadcast_ack_args(struct peal_socket *socket, const struct peal_target *target,
				   unsigned timeout_ms, peal_acks_fn *fn, void *userdata,
				   const char *event, const struct peal_args *args)
{
	if (!may_broadcast(socket))
		return count_failure(socket ? socket->ns : NULL, PEAL_EMIT_E_GONE);
	return emit_ack(socket->ns, &(struct peal_selection){ target, socket->id }, timeout_ms, fn,
			userdata, event, args);
}

int peal_socket_broadcast_ack_values(struct peal_socket *socket, const struct peal_target *target,
				     unsigned timeout_ms, peal_acks_fn *fn, void *userdata,
				     const char *event, struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	if (!may_broadcast(socket))
		return count_failure(socket ? socket->ns : NULL, PEAL_EMIT_E_GONE);
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return count_failure(socket->ns, r);
	r = peal_socket_broadcast_ack_args(socket, target, timeout_ms, fn, userdata, event, &args);
	peal_args_deinit(&args);
	return r;
}

/* --- to one socket -----------------------------------------------------------------------------
 */

static int check_one(const struct peal_socket *socket, const char *event,
		     const struct peal_args *args)
{
	if (!peal_socket_present(socket) || !peal_session_open(socket->session))
		return PEAL_EMIT_E_GONE;
	int r = peal_namespace_check(socket->ns);
	return r ? r : check_event(event, args);
}

static int send_event(struct peal_socket *socket, unsigned flags, uint64_t id, const char *event,
		      const struct peal_args *args)
{
	struct peal_frame *run;
	if ((flags & PEAL_VOLATILE) && !peal_session_writable(socket->session)) {
		socket->ns->server->stats->volatile_dropped++;
		return 0;
	}
	int r = peal_encode_event(socket->ns, id, event, strlen(event), args,
				  flags & PEAL_NO_COMPRESS, &run);
	if (r)
		return r;
	r = peal_session_queue(socket->session, run);
	peal_frame_unref(run);
	if (r < 0)
		return PEAL_EMIT_E_GONE;
	struct peal_outgoing *outgoing = peal_outgoing_new(socket->ns, event, strlen(event), args);
	if (outgoing)
		peal_outgoing_add(outgoing, socket);
	peal_outgoing_tell(outgoing);
	return 0;
}

int peal_socket_emit_args(struct peal_socket *socket, unsigned flags, const char *event,
			  const struct peal_args *args)
{
	int r = check_one(socket, event, args);
	if (!r)
		r = send_event(socket, flags, PEAL_PACKET_NO_ID, event, args);
	return count_failure(socket ? socket->ns : NULL, r);
}

int peal_socket_emit_values(struct peal_socket *socket, unsigned flags, const char *event,
			    struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return count_failure(socket ? socket->ns : NULL, r);
	r = peal_socket_emit_args(socket, flags, event, &args);
	peal_args_deinit(&args);
	return r;
}

int peal_socket_emit_ack_args(struct peal_socket *socket, unsigned flags, unsigned timeout_ms,
			      peal_ack_fn *fn, void *userdata, const char *event,
			      const struct peal_args *args)
{
	struct peal_round *round;
	int r = check_one(socket, event, args);
	if (!r)
		r = peal_round_new_single(socket, timeout_ms, fn, userdata, &round);
	if (!r) {
		r = send_event(socket, flags, peal_round_id(round), event, args);
		if (r)
			peal_round_abandon(round);
	}
	return count_failure(socket ? socket->ns : NULL, r);
}

int peal_socket_emit_ack_values(struct peal_socket *socket, unsigned flags, unsigned timeout_ms,
				peal_ack_fn *fn, void *userdata, const char *event,
				struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return count_failure(socket ? socket->ns : NULL, r);
	r = peal_socket_emit_ack_args(socket, flags, timeout_ms, fn, userdata, event, &args);
	peal_args_deinit(&args);
	return r;
}
