/* SPDX-License-Identifier: GPL-3.0-or-later */

#define _GNU_SOURCE /* memmem() */

#include "config.h"

#include "lamp-ulid.h"

#include <libsoup/soup.h>
#include <stdio.h>
#include <string.h>

/* A server that takes every event and keeps none: for bench-replay. Prints its URL. */

#define ID_MEMBER "\"event_id\":\""

static char *
write_answer (const char *body,
              gsize       length)
{
  GString *answer = g_string_new ("{\"accepted\":[");
  const char *end = body + length;
  const char *found;

  while ((found = memmem (body, end - body, ID_MEMBER, strlen (ID_MEMBER))) != NULL)
    {
      body = found + strlen (ID_MEMBER) + LAMP_ULID_LENGTH;
      g_string_append_printf (answer, "%s\"%.*s\"", answer->str[answer->len - 1] == '[' ? "" : ",",
                              LAMP_ULID_LENGTH, body - LAMP_ULID_LENGTH);
    }
  g_string_append (answer, "],\"rejected\":[]}");

  return g_string_free (answer, FALSE);
}

static void
request_cb (SoupServer        *server,
            SoupServerMessage *message,
            const char        *path,
            GHashTable        *query,
            gpointer           user_data)
{
  SoupMessageBody *request = soup_server_message_get_request_body (message);
  char *answer = write_answer (request->data, request->length);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_TAKE, answer,
                                    strlen (answer));
}

int
main (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr (GError) error = NULL;
  GSList *uris;

  soup_server_add_handler (server, NULL, request_cb, NULL, NULL);
  soup_server_listen_local (server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  uris = soup_server_get_uris (server);
  printf ("http://127.0.0.1:%d\n", g_uri_get_port (uris->data));
  fflush (stdout);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  g_main_loop_run (loop);

  return 0;
}
