/*
 * The stock Socket.IO client, served under the path as Node.js servers do.
 */
#ifndef PEAL_APP_CLIENT_FILES_H
#define PEAL_APP_CLIENT_FILES_H

#include <peal/node.h>
#include <stdbool.h>

#include "place.h"

struct peal_client_files;

/**
 * peal_client_files_attach() - read the client's files and add a route for each
 * @path:      prefix of the URLs, with a slash at its end
 * @directory: the dist folder of the npm package socket.io-client; NULL looks where setup puts it,
 * seen from the executable
 * @ret_files: receives what the routes need; free it after the node
 *
 * Return: 0; -errno; -ENOENT when there is no such folder or no client in it (then @ret_files is
 * NULL).
 */
int peal_client_files_attach(struct peal_node *node, const char *path, const char *directory,
			     struct peal_client_files **ret_files)
	__attribute__((warn_unused_result));
/* Is there a client to read in this folder? */
bool peal_client_files_found(const char *directory);
/* Serve them at another place too. Return: 0; -errno. */
int peal_client_files_also(struct peal_client_files *files, const struct peal_place *place,
			   const char *path) __attribute__((warn_unused_result));
void peal_client_files_free(struct peal_client_files *files);

/* Version of the client, such as "4.8.1"; "" when its banner does not say. */
const char *peal_client_files_version(const struct peal_client_files *files);
/* The folder that was found. */
const char *peal_client_files_directory(const struct peal_client_files *files);

#endif
