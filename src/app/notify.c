#include "notify.h"

#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* How often it is asked whether the node is ready, before it is. */
#define READY_LOOK_US 50000
/* No watchdog is asked for more often than this. */
#define WATCHDOG_LEAST_US 1000

struct peal_notify {
	struct peal_node *node;
	struct peal_logging *logging;
	struct event *timer;
	int fd;
	struct sockaddr_un address;
	socklen_t address_length;
	uint64_t watchdog_us; /* between two words; 0: none is wanted */
	bool ready, stopping, complained;
};

static void say(struct peal_notify *notify, const char *text)
{
	ssize_t n = sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
			   (struct sockaddr *)&notify->address, notify->address_length);

	if (n >= 0 || notify->complained)
		return;
	notify->complained = true;
	peal_logging_say(notify->logging, PEAL_LOG_WARNING,
			 "the service manager cannot be told about the state",
			 PEAL_LOGGING_TEXT("error", strerror(errno)));
}

static void arm(struct peal_notify *notify)
{
	uint64_t wait_us = notify->watchdog_us;
	struct timeval wait;

	if (!notify->ready && !notify->stopping && (!wait_us || wait_us > READY_LOOK_US))
		wait_us = READY_LOOK_US;
	if (!wait_us)
		return;
	wait = (struct timeval){ .tv_sec = (time_t)(wait_us / 1000000),
				 .tv_usec = (suseconds_t)(wait_us % 1000000) };
	if (event_add(notify->timer, &wait) < 0)
		peal_logging_say(notify->logging, PEAL_LOG_ERROR,
				 "no memory to tell the service manager that this node lives",
				 PEAL_LOGGING_TEXT("error", strerror(ENOMEM)));
}

static void on_timer(evutil_socket_t fd, short events, void *userdata)
{
	struct peal_notify *notify = userdata;

	(void)fd, (void)events;
	if (notify->watchdog_us)
		say(notify, "WATCHDOG=1");
	if (!notify->ready && !notify->stopping && peal_node_ready(notify->node)) {
		notify->ready = true;
		say(notify, "READY=1\nSTATUS=Serving clients");
	}
	arm(notify);
}

/* A path, or with an @ a name of the abstract space, which begins with a NUL and has no end. */
static bool read_address(struct peal_notify *notify, const char *text)
{
	size_t length = strlen(text);

	if ((*text != '/' && *text != '@') || length < 2 ||
	    length >= sizeof(notify->address.sun_path))
		return false;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, text, length);
	if (*text == '@')
		notify->address.sun_path[0] = '\0';
	notify->address_length =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*text == '/'));
	return true;
}

/* The watchdog of a parent is not ours. */
static uint64_t read_watchdog(void)
{
	const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long us = text ? strtoull(text, NULL, 10) : 0;

	if (!us || us > INT64_MAX || (pid && strtoll(pid, NULL, 10) != (long long)getpid()))
		return 0;
	return us / 2 < WATCHDOG_LEAST_US ? WATCHDOG_LEAST_US : us / 2;
}

int peal_notify_new(struct event_base *base, struct peal_node *node, struct peal_logging *logging,
		    struct peal_notify **ret_notify)
{
	const char *text = getenv("NOTIFY_SOCKET");
	struct peal_notify *notify;

	*ret_notify = NULL;
	if (!text || !*text)
		return 0;
	notify = calloc(1, sizeof(*notify));
	if (!notify)
		return -ENOMEM;
	notify->node = node;
	notify->logging = logging;
	notify->fd = -1;
	if (!read_address(notify, text)) {
		peal_logging_say(logging, PEAL_LOG_WARNING,
				 "NOTIFY_SOCKET is neither a path nor an abstract name",
				 PEAL_LOGGING_NUMBER("length", strlen(text)));
		free(notify);
		return 0;
	}
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	notify->timer = evtimer_new(base, on_timer, notify);
	if (notify->fd < 0 || !notify->timer) {
		peal_notify_free(notify);
		return -ENOMEM;
	}
	notify->watchdog_us = read_watchdog();
	*ret_notify = notify;
	arm(notify);
	return 0;
}

void peal_notify_stopping(struct peal_notify *notify, unsigned seconds)
{
	char text[128];

	if (!notify || notify->stopping)
		return;
	notify->stopping = true;
	snprintf(text, sizeof(text),
		 "STOPPING=1\nSTATUS=Sending the clients away\nEXTEND_TIMEOUT_USEC=%llu",
		 (unsigned long long)seconds * 1000000);
	say(notify, text);
	arm(notify);
}

void peal_notify_free(struct peal_notify *notify)
{
	if (!notify)
		return;
	if (notify->timer)
		event_free(notify->timer);
	if (notify->fd >= 0)
		close(notify->fd);
	free(notify);
}
