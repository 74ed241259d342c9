/*
 * Every broadcasting form of Socket.IO's page "Broadcasting events", as JavaScript in a comment and
 * in C below it. check_forms.py sees to it that no C form takes more lines than its JavaScript:
 * what is counted are the lines between the comment and `end`. The JavaScript is the page's, line
 * for line; the one callback whose body the page writes out is compared by itself.
 *
 * The file is compiled against the installed headers and never run.
 */
#include <peal/peal.h>
#include <stdio.h>

void broadcasting(struct peal_node *node, struct peal_socket *socket, peal_acks_fn *callback);

static void console_log(const struct peal_args *args)
{
	size_t length;
	const char *text = peal_args_text(args, &length);

	printf("%.*s\n", (int)length, text);
}

/*js: with acknowledgements, the callback
(err, responses) => {
  if (err) {
    // some clients did not acknowledge the event in the given delay
  } else {
    console.log(responses); // one response per client
  }
}
*/
static void on_acks(const struct peal_acks *acks, void *userdata)
{
	if (!acks->error) /* else some clients did not acknowledge the event in the given delay */
		for (size_t i = 0; i < acks->response_count; i++)
			console_log(acks->responses[i]); /* one response per client */
}
/*end*/

void broadcasting(struct peal_node *node, struct peal_socket *socket, peal_acks_fn *callback)
{
	struct peal_namespace *io = peal_io(node);

	/*js: to all connected clients
	io.emit("hello", "world");
	*/
	peal_emit(io, PEAL_ALL, "hello", "world");
	/*end*/

	/*js: to all connected clients except the sender
	socket.broadcast.emit("hello", "world");
	*/
	peal_socket_broadcast(socket, PEAL_ALL, "hello", "world");
	/*end*/

	/*js: with acknowledgements
	io.timeout(5000).emit("hello", "world", onAcks);
	*/
	peal_emit_ack(io, PEAL_ALL, 5000, on_acks, NULL, "hello", "world");
	/*end*/

	/*js: with acknowledgements, in a room
	io.to("room123").timeout(5000).emit("hello", "world", (err, responses) => {
	  // ...
	});
	*/
	peal_emit_ack(io, PEAL_TO(.rooms = PEAL_ROOMS("room123")), 5000, callback, NULL, "hello",
		      "world");
	/*end*/

	/*js: with acknowledgements, from a specific socket
	socket.broadcast.timeout(5000).emit("hello", "world", (err, responses) => {
	  // ...
	});
	*/
	peal_socket_broadcast_ack(socket, PEAL_ALL, 5000, callback, NULL, "hello", "world");
	/*end*/

	/*js: with acknowledgements, in a namespace
	io.of("/the-namespace").timeout(5000).emit("hello", "world", (err, responses) => {
	  // ...
	});
	*/
	peal_emit_ack(peal_of(node, "/the-namespace"), PEAL_ALL, 5000, callback, NULL, "hello",
		      "world");
	/*end*/

	/*js: to the clients of this server only
	io.local.emit("hello", "world");
	*/
	peal_emit(io, PEAL_TO(.flags = PEAL_LOCAL), "hello", "world");
	/*end*/
}
