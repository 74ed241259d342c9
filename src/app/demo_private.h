/*
 * What the files of the demo share.
 */
#ifndef PEAL_APP_DEMO_PRIVATE_H
#define PEAL_APP_DEMO_PRIVATE_H

#include <peal/namespace.h>
#include <peal/socket.h>

struct cJSON;

#define PEAL_DEMO_NAME_BYTES 64
#define PEAL_DEMO_ROOM_BYTES 128
#define PEAL_DEMO_ROOMS 32
#define PEAL_DEMO_EVENT_BYTES 64
#define PEAL_DEMO_TEXT_BYTES 4096
#define PEAL_DEMO_ARGS 16
#define PEAL_DEMO_TIMEOUT_MS 60000
/* Acknowledged broadcasts that one client may have under way. */
#define PEAL_DEMO_ROUNDS 16
/* What the answer to a broadcast lists at most; the counts are always complete. */
#define PEAL_DEMO_LISTED 1000
#define PEAL_DEMO_ANSWER_BYTES (256u << 10)

#define PEAL_DEMO_ROOM_ERROR "a room is a text of 1 to 128 bytes"

/* The userdata of a socket; NULL without memory. */
struct peal_demo_client {
	char name[PEAL_DEMO_NAME_BYTES + 1];
	unsigned rounds; /* under way */
};

/* Does the argument hold U+0000? cJSON would end a text there without a word. */
bool peal_demo_has_nul(const struct peal_args *args, size_t index);
/* The name that the client chose, else its id. */
const char *peal_demo_name(const struct peal_socket *socket);
/* @room if it is a room's name that the demo takes, else NULL. */
const char *peal_demo_room(const char *room);

/* Answers: objects with `ok`. peal_demo_reply() frees @object; without memory nothing is sent. */
struct cJSON *peal_demo_ok(void);
struct cJSON *peal_demo_error(const char *error);
void peal_demo_reply(const struct peal_event *event, struct cJSON *object);

/* Answers with the members of the cluster. */
void peal_demo_on_nodes(struct peal_socket *socket, const struct peal_event *event, void *userdata);
void peal_demo_on_broadcast(struct peal_socket *socket, const struct peal_event *event,
			    void *userdata);

#endif
