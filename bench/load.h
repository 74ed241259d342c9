/*
 * The load generator: one process that publishes and worker processes that are the clients. They
 * share one struct load, which the first process makes before it forks. Who writes what is said at
 * each part of it.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define LOAD_TARGETS 16
#define LOAD_TRIGGERS 16
#define LOAD_SERVERS 16
#define LOAD_WORKERS 32
#define LOAD_WORKER_CLIENTS 19000 /* each worker stays below 20 000 descriptors */
#define LOAD_SLOTS 4096		  /* messages that are remembered; a power of two */
#define LOAD_IN_FLIGHT 1024
#define LOAD_PAYLOAD 65536
#define LOAD_TEXT (LOAD_PAYLOAD / 3 * 4 + 512) /* bytes of a packet with its payload */

struct load_options {
	struct sockaddr_in targets[LOAD_TARGETS];
	size_t target_count;
	size_t clients, workers, rooms, room_size, payload, in_flight;
	uint64_t messages;
	double seconds;
	double patience;	 /* seconds that a message may take before it counts as lost */
	double connect_patience; /* seconds for all clients to connect */
	size_t at_once;		 /* connects under way in each worker */
	const char *namespace;
	const char *triggers[LOAD_TRIGGERS]; /* message n goes through trigger n mod their count */
	size_t trigger_count;
	const char *redis; /* whose commands and bytes are counted; NULL: no one's */
	bool polling;	   /* the transport; else WebSocket */
	bool binary;	   /* the payload is an attachment */
	bool hold;	   /* measured parts are asked for on the standard input */
	unsigned ack_ms;   /* how long acknowledgements are awaited; 0: none are asked for */
	size_t except;	   /* clients 0 … except - 1 are in the room "out", which gets nothing */
	size_t stalled;	   /* clients 0 … stalled - 1 never read */
	pid_t servers[LOAD_SERVERS];
	size_t server_count;
};

/* One published message. The first process fills it; the workers count in it. */
struct load_slot {
	_Atomic uint64_t number;
	uint64_t published_ns;
	uint64_t expected;
	_Atomic uint64_t received;
};

/* Times from 1 µs to hours, with 64 steps in each doubling, so within 1.6 %. */
#define LOAD_STEPS 64
#define LOAD_BUCKETS (LOAD_STEPS * 42)

/* What one worker saw. Only that worker writes it. */
struct load_seen {
	_Atomic uint64_t connected;
	_Atomic uint64_t joined; /* clients whose way into their rooms was asked for */
	_Atomic uint64_t deliveries;
	_Atomic uint64_t
		settled;       /* how many times it was asked to count what is missing, and did */
	_Atomic uint64_t left; /* clients whose connection the server has ended after leave */
	uint64_t lost, out_of_order, corrupt;
	uint64_t latency[LOAD_BUCKETS];
};

struct load {
	struct load_options options;
	pid_t process;		  /* the first one */
	int done;		  /* an eventfd: some message reached all its clients */
	int wake[LOAD_WORKERS];	  /* an eventfd of each worker: there is something new below */
	_Atomic uint64_t allowed; /* how many clients may connect */
	_Atomic uint64_t last;	  /* the highest number that was published */
	_Atomic uint64_t asked;	  /* how many times the workers were asked to settle */
	_Atomic bool leaving;	  /* the clients are to close their connections */
	struct load_slot slots[LOAD_SLOTS];
	struct load_seen seen[LOAD_WORKERS];
};

/* load.c */
uint64_t load_now(void);
void load_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void load_address(const char *text, struct sockaddr_in *ret_address);

static inline struct load_slot *load_slot(struct load *load, uint64_t number)
{
	return &load->slots[number & (LOAD_SLOTS - 1)];
}

/* Whether client @client is in room @number % rooms: the rooms follow one another. */
static inline bool load_is_in_room(const struct load_options *options, uint64_t number,
				   uint64_t client)
{
	uint64_t first = number % options->rooms * options->room_size % options->clients;

	return (client + options->clients - first) % options->clients < options->room_size;
}

/* Whether message @number is for client @client: all of them, or one room after the other. */
static inline bool load_is_for(const struct load_options *options, uint64_t number, uint64_t client)
{
	if (client < options->except || client < options->stalled)
		return false;
	return !options->rooms || load_is_in_room(options, number, client);
}

/* load_run.c: connect and measure. Return: whether everything arrived, once and in order. */
bool load_run(struct load *load);
/* How many clients message @number is for. */
uint64_t load_recipients(const struct load_options *options, uint64_t number);

/*
 * load_packet.c: what clients are to get. A packet is its head, the number of the acknowledgement
 * if one is asked for, and the text; with --binary the payload is the attachment that follows.
 */
#define LOAD_HEAD 112				   /* bytes of a head with its NUL */
#define LOAD_BASE64(length) ((length) / 3 * 4 + 5) /* bytes of base64 with its NUL */
size_t load_packet_head(const struct load_options *options, char *text);
size_t load_packet_text(const struct load_options *options, uint64_t number, char *text);
void load_packet_payload(const struct load_options *options, uint64_t number, char *bytes);
size_t load_packet_base64(const char *bytes, size_t length, char *text);

/* load_worker.c: be worker @worker of a load, whose clients begin with number @first. */
void load_worker(struct load *load, size_t worker, size_t first, size_t count)
	__attribute__((noreturn));

/* load_trigger.c */
struct load_trigger;
struct load_trigger *load_trigger_open(const struct load_options *options);
/* Have the socket with that id join rooms, whose names are given as JSON without the brackets. */
void load_trigger_join(struct load_trigger *trigger, const char *id, const char *rooms);
/* Publish messages first … first + count - 1, in one write where the trigger can. */
void load_trigger_publish(struct load_trigger *trigger, uint64_t first, size_t count);
/* Take in what the trigger's other end answers, waiting for all of it if @all. */
void load_trigger_read(struct load_trigger *trigger, bool all);
/*
 * Wait for the answers to the messages that were published last, with --ack. Return: the
 * acknowledgements in answers without an error; says so when they are not @expected.
 */
uint64_t load_trigger_acks(struct load_trigger *trigger, uint64_t expected);
void load_trigger_free(struct load_trigger *trigger);

/* load_usage.c */
struct load_usage {
	uint64_t cpu_ns, user_us, system_us, voluntary, involuntary;
};

struct load_redis_use {
	uint64_t commands, publishes, input_bytes, output_bytes;
};

struct load_redis;

void load_usage_read(pid_t pid, struct load_usage *ret_usage);
/* Bytes that are resident. */
uint64_t load_memory_read(pid_t pid);
struct load_redis *load_redis_open(const char *url);
/* What Redis did so far, without what was done for this function. */
void load_redis_read(struct load_redis *redis, struct load_redis_use *ret_use);
void load_redis_free(struct load_redis *redis);

/* load_report.c */

/* What was used up to a moment; it is the difference between two that says something. */
struct load_point {
	struct load_usage servers[LOAD_SERVERS];
	struct load_redis_use redis;
};

/* What all workers saw up to a moment. */
struct load_sums {
	uint64_t deliveries, lost, out_of_order, corrupt;
	uint64_t latency[LOAD_BUCKETS];
};

struct load_part {
	uint64_t messages, unfinished, acks;
	uint64_t wrong_acks; /* messages that not exactly those acknowledged who got them */
	double connect_seconds, seconds;
	struct load_point before, after;
};

struct load_connected {
	double seconds;
	struct load_point before, after;
	struct {
		uint64_t clients, cpu_us;
	} steps[LOAD_WORKERS * LOAD_WORKER_CLIENTS / 1000 + 1];
	size_t step_count;
	uint64_t memory_before[LOAD_SERVERS], memory[LOAD_SERVERS];
};

void load_latency_add(struct load_seen *seen, uint64_t ns);
void load_sums_read(const struct load *load, struct load_sums *ret_sums);
/* CPU time of all servers together between two moments. */
uint64_t load_cpu_us(const struct load_options *options, const struct load_point *before,
		     const struct load_point *after);
/* Print the JSON object of a part. Return: whether everything arrived, once and in order. */
bool load_report(const struct load_options *options, const struct load_part *part,
		 const struct load_sums *before, const struct load_sums *after, FILE *file);
void load_report_connected(const struct load_options *options,
			   const struct load_connected *connected, FILE *file);
void load_report_memory(const struct load_options *options, const struct load_connected *connected,
			FILE *file);
void load_report_left(const struct load_options *options, double seconds,
		      const struct load_point *before, const struct load_point *after, FILE *file);

#endif
