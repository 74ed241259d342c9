/* WebSocket connections over real sockets and the installed libwebsockets. */
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/limits.h"
#include "transport/websocket.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/unit.h"

static struct peal_stats stats;
static struct peal_log silent = { .level = PEAL_LOG_ERROR };
static struct event_base *base;
static struct peal_loop *loop;
static struct peal_websockets *websockets;
static struct fake_clock now = { 1000000 };
static struct peal_websocket *victim; /* of who says so */

/* What the handler heard. */
static struct heard {
	char text[4096];
	size_t messages, bytes, writable, ended;
	enum peal_websocket_end how;
	bool binary;
} heard;

static void on_message(struct peal_websocket *websocket, const char *data, size_t length,
		       bool binary)
{
	(void)websocket;
	heard.messages++;
	heard.bytes = length;
	heard.binary = binary;
	if (length < sizeof(heard.text)) {
		memcpy(heard.text, data, length);
		heard.text[length] = '\0';
	}
	if (!strcmp(heard.text, "cut me"))
		peal_websocket_cut(websocket);
	else if (!strcmp(heard.text, "close me"))
		peal_websocket_close(websocket);
	else if (!strncmp(heard.text, "cut the other", 13))
		peal_websocket_cut(victim);
	else if (!strncmp(heard.text, "slow", 4))
		now.now_us += 2 * PEAL_LIMIT_TURN_US;
}

/* Frames that are written whenever that may be done. */
static struct {
	struct peal_frame *frame;
	size_t left;
} stream;

static void write_stream(struct peal_websocket *websocket)
{
	while (stream.left && peal_websocket_ready(websocket)) {
		ck_assert(peal_websocket_write(websocket, peal_frame_wire(stream.frame),
					       peal_frame_wire_length(stream.frame)));
		stream.left--;
	}
}

static void on_writable(struct peal_websocket *websocket)
{
	heard.writable++;
	write_stream(websocket);
}

static void on_ended(struct peal_websocket *websocket, enum peal_websocket_end how,
		     const char *description)
{
	(void)websocket;
	(void)description;
	heard.ended++;
	heard.how = how;
}

static const struct peal_websocket_handler handler = { on_message, on_writable, on_ended };

static void set_up(void)
{
	memset(&stats, 0, sizeof(stats));
	memset(&heard, 0, sizeof(heard));
	base = event_base_new();
	ck_assert_int_eq(peal_loop_new(base, NULL, &stats, &silent, &loop), 0);
	ck_assert_int_eq(peal_websockets_new(loop, 256, &stats, &silent, &websockets), 0);
}

static void tear_down(void)
{
	peal_websockets_free(websockets);
	peal_loop_free(loop);
	event_base_free(base);
	ck_assert_uint_eq(stats.websocket_connections, 0);
	ck_assert_uint_eq(stats.frames, 0);
}

/* All anew, with another buffer and with time that stands still. */
static void set_up_with(size_t read_bytes)
{
	peal_websockets_free(websockets);
	peal_loop_free(loop);
	ck_assert_int_eq(peal_loop_new(base, FAKE_CLOCK(&now), &stats, &silent, &loop), 0);
	ck_assert_int_eq(peal_websockets_new(loop, read_bytes, &stats, &silent, &websockets), 0);
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Turn the loop until @condition, for at most ten seconds. */
#define turn_until(condition)                                        \
	do {                                                         \
		for (int i_ = 0; i_ < 10000 && !(condition); i_++) { \
			turn();                                      \
			if (!(condition))                            \
				usleep(1000);                        \
		}                                                    \
		ck_assert(condition);                                \
	} while (0)

static struct peal_websocket *connect_pair_with(size_t max_message, int *ret_client)
{
	int fds[2];
	char head[1024];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct peal_websocket *websocket = peal_websocket_adopt(
		websockets, fds[0], "dGhlIHNhbXBsZSBub25jZQ==", "X-Test: yes\r\n", max_message,
		&handler, NULL);
	ck_assert_ptr_nonnull(websocket);
	ssize_t n = recv(fds[1], head, sizeof(head) - 1, 0);
	ck_assert_int_gt(n, 0);
	head[n] = '\0';
	ck_assert_ptr_nonnull(strstr(head, "HTTP/1.1 101"));
	ck_assert_ptr_nonnull(strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	ck_assert_ptr_nonnull(strstr(head, "X-Test: yes\r\n"));
	*ret_client = fds[1];
	return websocket;
}

static struct peal_websocket *connect_pair(int *ret_client)
{
	return connect_pair_with(1000, ret_client);
}

static void send_frame(int fd, unsigned char first, const void *payload, size_t length)
{
	unsigned char frame[8192], *at = frame;
	*at++ = first;
	if (length < 126) {
		*at++ = (unsigned char)(0x80 | length);
	} else {
		*at++ = 0x80 | 126;
		*at++ = (unsigned char)(length >> 8);
		*at++ = (unsigned char)length;
	}
	memset(at, 0, 4); /* a mask of zeros */
	at += 4;
	memcpy(at, payload, length);
	ck_assert_int_eq(send(fd, frame, (size_t)(at - frame) + length, 0),
			 at - frame + (ssize_t)length);
}

static size_t receive_all(int fd, unsigned char *bytes, size_t size)
{
	size_t have = 0;
	for (int i = 0; i < 200; i++) {
		ssize_t n = recv(fd, bytes + have, size - have, MSG_DONTWAIT);
		if (n > 0)
			have += (size_t)n;
		turn();
		if (n <= 0 && i > 20)
			break;
	}
	return have;
}

START_TEST(proves_the_raw_write_on_the_installed_library)
{
	/* The set-up did; nothing of it stays behind. */
	ck_assert_uint_eq(peal_websockets_count(websockets), 0);
	ck_assert_uint_eq(stats.writes, 0);
}
END_TEST

START_TEST(delivers_messages_in_one_piece_and_in_many)
{
	int fd;
	char large[900];
	connect_pair(&fd);
	send_frame(fd, 0x81, "hello", 5);
	turn_until(heard.messages == 1);
	ck_assert_str_eq(heard.text, "hello");
	ck_assert(!heard.binary);
	memset(large, 'x', sizeof(large));
	send_frame(fd, 0x82, large, sizeof(large));
	turn_until(heard.messages == 2);
	ck_assert_uint_eq(heard.bytes, sizeof(large));
	ck_assert(heard.binary);
	send_frame(fd, 0x01, "frag", 4);
	send_frame(fd, 0x00, "men", 3);
	send_frame(fd, 0x80, "ted", 3);
	turn_until(heard.messages == 3);
	ck_assert_str_eq(heard.text, "fragmented");
	send_frame(fd, 0x82, "", 0);
	turn_until(heard.messages == 4);
	ck_assert_uint_eq(heard.bytes, 0);
	close(fd);
	turn_until(heard.ended == 1);
	ck_assert_int_eq(heard.how, PEAL_WEBSOCKET_CLOSED);
	turn_until(peal_websockets_count(websockets) == 0);
}
END_TEST

START_TEST(reads_what_is_there_of_a_message_in_one_turn)
{
	int fds[3];
	char large[1000];
	memset(large, 'x', sizeof(large));
	for (int i = 0; i < 3; i++)
		connect_pair(&fds[i]);
	turn();
	/* Four reads each. */
	uint64_t turns = stats.loop_turns;
	for (int i = 0; i < 3; i++)
		send_frame(fds[i], 0x81, large, sizeof(large));
	turn_until(heard.messages == 3);
	ck_assert_uint_eq(heard.bytes, sizeof(large));
	ck_assert_uint_le(stats.loop_turns - turns, 2);
	/* What is behind it is not lost either, and half a message waits for its rest. */
	send_frame(fds[0], 0x81, large, sizeof(large));
	send_frame(fds[0], 0x81, "next", 4);
	send_frame(fds[1], 0x01, large, 700);
	turn_until(heard.messages == 5);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(heard.messages, 5);
	send_frame(fds[1], 0x80, "end", 3);
	turn_until(heard.messages == 6);
	ck_assert_uint_eq(heard.bytes, 703);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	turn_until(peal_websockets_count(websockets) == 0);
}
END_TEST

START_TEST(survives_that_it_is_cut_while_it_is_read_on)
{
	char large[1000];
	memset(large, 'x', sizeof(large));
	for (int how = 0; how < 2; how++) {
		int fd, other;
		connect_pair(&fd);
		connect_pair(&other);
		turn();
		heard.messages = 0;
		send_frame(fd, 0x81, large, sizeof(large));
		send_frame(fd, 0x81, how ? "close me" : "cut me", how ? 8 : 6);
		send_frame(fd, 0x81, large, sizeof(large));
		send_frame(fd, 0x81, large, sizeof(large));
		send_frame(other, 0x81, large, sizeof(large));
		turn_until(heard.messages == 3);
		for (int i = 0; i < 5; i++)
			turn();
		ck_assert_uint_eq(heard.messages, 3);
		close(fd);
		/* Half a message goes with its connection. */
		send_frame(other, 0x01, large, 900);
		close(other);
		turn_until(peal_websockets_count(websockets) == 0);
		ck_assert_uint_eq(heard.messages, 3);
		heard.text[0] = '\0';
	}
}
END_TEST

#define VERY_LONG 180000

static void send_very_long(int fd)
{
	static unsigned char frame[VERY_LONG + 14] = { 0x82, 0xff };
	int room = 2 * VERY_LONG;
	frame[7] = VERY_LONG >> 16;
	frame[8] = VERY_LONG >> 8 & 0xff;
	frame[9] = VERY_LONG & 0xff;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	ck_assert_int_eq(send(fd, frame, sizeof(frame), 0), sizeof(frame));
}

START_TEST(a_very_long_message_does_not_keep_the_turn)
{
	int fd;
	connect_pair_with(VERY_LONG, &fd);
	turn();
	send_very_long(fd);
	uint64_t turns = stats.loop_turns;
	turn_until(heard.messages == 1);
	ck_assert_uint_eq(heard.bytes, VERY_LONG);
	ck_assert_uint_ge(stats.loop_turns - turns, 2);
	close(fd);
	turn_until(peal_websockets_count(websockets) == 0);
}
END_TEST

START_TEST(a_large_buffer_is_filled_by_one_read)
{
	int fd;
	set_up_with(65536);
	connect_pair_with(VERY_LONG, &fd);
	turn();
	send_very_long(fd);
	/* Three reads. */
	uint64_t turns = stats.loop_turns;
	turn_until(heard.messages == 1);
	ck_assert_uint_eq(heard.bytes, VERY_LONG);
	ck_assert_uint_le(stats.loop_turns - turns, 2);
	close(fd);
	turn_until(peal_websockets_count(websockets) == 0);
}
END_TEST

START_TEST(a_turn_that_is_long_gets_no_longer_by_reading_on)
{
	int fd, other;
	char slow[240] = "slow";
	set_up_with(256);
	connect_pair(&fd);
	connect_pair_with(VERY_LONG, &other);
	turn();
	turn();
	send_very_long(other);
	/* Two reads. */
	send_frame(fd, 0x82, slow, sizeof(slow));
	send_frame(fd, 0x82, slow, sizeof(slow));
	for (int i = 0; i < 5 && !heard.messages; i++)
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(heard.messages, 1);
	turn_until(heard.messages == 3);
	close(fd);
	close(other);
	turn_until(peal_websockets_count(websockets) == 0);
}
END_TEST

START_TEST(survives_that_others_are_cut_that_are_to_be_read_on)
{
	static char large[700] = "cut the other";
	for (int after = 0; after < 2; after++) {
		int fd, other;
		connect_pair(&fd);
		victim = connect_pair(&other);
		turn();
		heard.messages = 0;
		/* Both are in the list when the first is read on. */
		send_frame(fd, 0x82, large, sizeof(large));
		send_frame(other, 0x02, large, sizeof(large));
		if (after)
			close(other);
		turn_until(heard.messages == 1);
		turn_until(peal_websockets_count(websockets) == 1);
		ck_assert_uint_eq(heard.messages, 1);
		close(fd);
		if (!after)
			close(other);
		turn_until(peal_websockets_count(websockets) == 0);
	}
}
END_TEST

START_TEST(frees_connections_that_are_to_be_read_on)
{
	int fds[3];
	for (int i = 0; i < 3; i++) {
		connect_pair_with(VERY_LONG, &fds[i]);
		send_very_long(fds[i]);
	}
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(heard.messages, 0);
	ck_assert_uint_eq(peal_websockets_count(websockets), 3);
	tear_down();
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	set_up();
}
END_TEST

static void expect_close(const void *payload, size_t length, unsigned char first, unsigned code)
{
	int fd;
	unsigned char answer[64];
	connect_pair(&fd);
	send_frame(fd, first, payload, length);
	turn_until(heard.ended == 1);
	ck_assert_int_eq(heard.how, PEAL_WEBSOCKET_VIOLATION);
	ck_assert_uint_eq(heard.messages, 0);
	size_t n = receive_all(fd, answer, sizeof(answer));
	ck_assert_uint_ge(n, 4);
	ck_assert_uint_eq(answer[0], 0x88);
	ck_assert_uint_eq((unsigned)answer[2] << 8 | answer[3], code);
	close(fd);
	turn_until(peal_websockets_count(websockets) == 0);
}

START_TEST(closes_with_1009_when_a_message_is_too_long)
{
	char large[1001] = { 0 };
	expect_close(large, sizeof(large), 0x82, 1009);
}
END_TEST

START_TEST(counts_the_pieces_of_a_message_together)
{
	int fd;
	unsigned char answer[64];
	char large[600] = { 0 };
	connect_pair(&fd);
	/* Exactly the limit, a ping in the middle, and an empty last piece. */
	send_frame(fd, 0x02, large, 600);
	send_frame(fd, 0x89, "", 0);
	send_frame(fd, 0x00, large, 400);
	send_frame(fd, 0x80, "", 0);
	turn_until(heard.messages == 1);
	ck_assert_uint_eq(heard.bytes, 1000);
	ck_assert_uint_eq(receive_all(fd, answer, sizeof(answer)), 2);
	send_frame(fd, 0x02, large, 600);
	send_frame(fd, 0x00, large, 400);
	send_frame(fd, 0x80, large, 1);
	turn_until(heard.ended == 1);
	ck_assert_int_eq(heard.how, PEAL_WEBSOCKET_VIOLATION);
	ck_assert_uint_eq(heard.messages, 1);
	ck_assert_uint_ge(receive_all(fd, answer, sizeof(answer)), 4);
	ck_assert_uint_eq((unsigned)answer[2] << 8 | answer[3], 1009);
	close(fd);
	turn_until(peal_websockets_count(websockets) == 0);
}
END_TEST

START_TEST(closes_with_1007_when_text_is_not_utf8)
{
	expect_close("a\xff"
		     "b",
		     3, 0x81, 1007);
}
END_TEST

START_TEST(accepts_a_message_of_exactly_the_limit)
{
	int fd;
	char large[1000] = { 0 };
	connect_pair(&fd);
	send_frame(fd, 0x82, large, sizeof(large));
	turn_until(heard.messages == 1);
	close(fd);
	turn_until(peal_websockets_count(websockets) == 0);
}
END_TEST

START_TEST(sends_an_empty_close_frame_and_waits_for_the_echo)
{
	int fd;
	unsigned char answer[64];
	struct peal_websocket *websocket = connect_pair(&fd);
	peal_websocket_close(websocket);
	size_t n = receive_all(fd, answer, sizeof(answer));
	ck_assert_uint_eq(n, 2);
	ck_assert_mem_eq(answer, "\x88\x00", 2);
	ck_assert_uint_eq(peal_websockets_count(websockets), 1);
	send_frame(fd, 0x81, "ignored", 7);
	send_frame(fd, 0x88, "", 0);
	turn_until(peal_websockets_count(websockets) == 0);
	ck_assert_uint_eq(heard.messages, 0);
	ck_assert_uint_eq(heard.ended, 0);
	/* No second close frame. */
	ck_assert_uint_eq(receive_all(fd, answer, sizeof(answer)), 0);
	close(fd);
}
END_TEST

START_TEST(echoes_the_close_frame_of_a_client)
{
	int fd;
	unsigned char answer[64];
	connect_pair(&fd);
	send_frame(fd, 0x88, "\x03\xe8", 2);
	turn_until(heard.ended == 1);
	size_t n = receive_all(fd, answer, sizeof(answer));
	ck_assert_uint_ge(n, 2);
	ck_assert_uint_eq(answer[0], 0x88);
	turn_until(peal_websockets_count(websockets) == 0);
	close(fd);
}
END_TEST

START_TEST(may_be_cut_or_closed_from_inside_of_its_message)
{
	int fd;
	connect_pair(&fd);
	send_frame(fd, 0x81, "cut me", 6);
	turn_until(peal_websockets_count(websockets) == 0);
	close(fd);
	connect_pair(&fd);
	send_frame(fd, 0x81, "close me", 8);
	turn_until(heard.messages == 2);
	send_frame(fd, 0x88, "", 0);
	turn_until(peal_websockets_count(websockets) == 0);
	close(fd);
	ck_assert_uint_eq(heard.ended, 0);
}
END_TEST

START_TEST(keeps_every_frame_intact_for_a_reader_that_is_slow)
{
	enum { FRAMES = 2000 };
	int fd;
	struct peal_websocket *websocket = connect_pair(&fd);
	struct peal_frame *frame = peal_frame_new(&stats, false, 700);
	memset(peal_frame_payload(frame), 'y', 700);
	peal_frame_seal(frame);
	size_t length = peal_frame_wire_length(frame), offset = 0;
	static unsigned char bytes[65536];
	stream.frame = frame;
	stream.left = FRAMES;
	for (int pass = 0; pass < 1000000 && offset < FRAMES * length; pass++) {
		write_stream(websocket);
		/* A little at a time. */
		ssize_t n = recv(fd, bytes, 1 + (size_t)pass % 5000, MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++)
			ck_assert_uint_eq(bytes[i], ((const unsigned char *)peal_frame_wire(
							    frame))[(offset + (size_t)i) % length]);
		offset += n > 0 ? (size_t)n : 0;
		turn();
	}
	ck_assert_uint_eq(offset, FRAMES * length);
	ck_assert_uint_gt(stats.writes_partial, 0);
	ck_assert_uint_gt(heard.writable, 0);
	peal_frame_unref(frame);
	peal_websocket_cut(websocket);
	turn_until(peal_websockets_count(websockets) == 0);
	close(fd);
}
END_TEST

START_TEST(a_close_frame_goes_behind_what_the_kernel_did_not_take)
{
	int fd;
	struct peal_websocket *websocket = connect_pair(&fd);
	size_t size = 4u << 20, have = 0;
	char *zeros = calloc(1, size);
	unsigned char *bytes = malloc(size + 16);
	ck_assert(peal_websocket_write(websocket, zeros, size));
	ck_assert(!peal_websocket_ready(websocket));
	peal_websocket_close(websocket);
	for (int pass = 0; pass < 200000 && have < size + 2; pass++) {
		ssize_t n = recv(fd, bytes + have, size + 16 - have, MSG_DONTWAIT);
		have += n > 0 ? (size_t)n : 0;
		turn();
	}
	ck_assert_uint_eq(have, size + 2);
	ck_assert_mem_eq(bytes, zeros, size);
	ck_assert_mem_eq(bytes + size, "\x88\x00", 2);
	close(fd);
	turn_until(peal_websockets_count(websockets) == 0);
	free(zeros);
	free(bytes);
}
END_TEST

START_TEST(answers_a_ping)
{
	int fd;
	unsigned char answer[64];
	connect_pair(&fd);
	send_frame(fd, 0x89, "abc", 3);
	size_t n = receive_all(fd, answer, sizeof(answer));
	ck_assert_uint_eq(n, 5);
	ck_assert_mem_eq(answer,
			 "\x8a\x03"
			 "abc",
			 5);
	close(fd);
	turn_until(peal_websockets_count(websockets) == 0);
}
END_TEST

START_TEST(frees_connections_that_are_still_open)
{
	int fd[3];
	for (int i = 0; i < 3; i++)
		connect_pair(&fd[i]);
	ck_assert_uint_eq(peal_websockets_count(websockets), 3);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}
END_TEST

UNIT_MAIN_WITH("websocket", set_up, tear_down, proves_the_raw_write_on_the_installed_library,
	       delivers_messages_in_one_piece_and_in_many,
	       reads_what_is_there_of_a_message_in_one_turn,
	       survives_that_it_is_cut_while_it_is_read_on,
	       a_very_long_message_does_not_keep_the_turn, a_large_buffer_is_filled_by_one_read,
	       a_turn_that_is_long_gets_no_longer_by_reading_on,
	       survives_that_others_are_cut_that_are_to_be_read_on,
	       frees_connections_that_are_to_be_read_on,
	       closes_with_1009_when_a_message_is_too_long, counts_the_pieces_of_a_message_together,
	       closes_with_1007_when_text_is_not_utf8, accepts_a_message_of_exactly_the_limit,
	       sends_an_empty_close_frame_and_waits_for_the_echo,
	       echoes_the_close_frame_of_a_client, may_be_cut_or_closed_from_inside_of_its_message,
	       keeps_every_frame_intact_for_a_reader_that_is_slow,
	       a_close_frame_goes_behind_what_the_kernel_did_not_take, answers_a_ping,
	       frees_connections_that_are_still_open)
