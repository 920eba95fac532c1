/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-raw-server.h"

#include <string.h>
#include <sys/socket.h>

/* How a client begins that wants TLS; it gets the same answer as one that doesn't. */
#define TLS_HANDSHAKE 0x16

#define HEAD_END "\r\n\r\n"

typedef struct
{
  GBytes *bytes;
  guint times;
  guint pace_ms;
  LampRawEnd end;
} Answer;

struct _LampRawServer
{
  GObject parent_instance;

  GSocketListener *listener; /* (owned) */
  GCancellable *stop;        /* (owned) */
  char *url;                 /* (owned) */
  GThread *thread;           /* (owned) accepts */

  GMutex mutex;       /* guards what follows */
  GPtrArray *threads; /* (owned) of GThread, one a connection */
  GQueue script;      /* (owned) of Answer */
  GPtrArray *heads;   /* (owned) of char * */
  guint n_open;
};

/* A connection and its server, which outlives it. */
typedef struct
{
  LampRawServer *server;
  GSocketConnection *connection; /* (owned) */
} Visit;

G_DEFINE_FINAL_TYPE (LampRawServer, lamp_raw_server, G_TYPE_OBJECT)

static void
answer_free (gpointer data)
{
  Answer *answer = data;

  g_bytes_unref (answer->bytes);
  g_free (answer);
}

static gsize
read_content_length (const char *head)
{
  g_auto (GStrv) lines = g_strsplit (head, "\r\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_ascii_strncasecmp (lines[i], "Content-Length:", strlen ("Content-Length:")) == 0)
      return g_ascii_strtoull (lines[i] + strlen ("Content-Length:"), NULL, 10);

  return 0;
}

/* Reads one request; nobody sends a second one before the answer. */
static gboolean
read_request (Visit *visit)
{
  LampRawServer *self = visit->server;
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (visit->connection));
  g_autoptr (GString) text = g_string_new (NULL);
  char *end = NULL;
  gsize length = G_MAXSIZE;
  char chunk[8192];

  while (text->len < length)
    {
      gssize size = g_input_stream_read (input, chunk, sizeof chunk, self->stop, NULL);

      if (size <= 0)
        return FALSE;

      g_string_append_len (text, chunk, size);
      if (text->str[0] == TLS_HANDSHAKE)
        return TRUE;

      end = length == G_MAXSIZE ? strstr (text->str, HEAD_END) : end;
      if (end != NULL && length == G_MAXSIZE)
        {
          gsize head = end + strlen (HEAD_END) - text->str;

          g_mutex_lock (&self->mutex);
          g_ptr_array_add (self->heads, g_strndup (text->str, head));
          length = head +
                   read_content_length (g_ptr_array_index (self->heads, self->heads->len - 1));
          g_mutex_unlock (&self->mutex);
        }
    }

  return TRUE;
}

/* Waits, unless the server stops or the client leaves. */
static gboolean
wait_ms (Visit *visit,
         guint  milliseconds)
{
  GSocket *socket = g_socket_connection_get_socket (visit->connection);

  return !g_socket_condition_timed_wait (socket, G_IO_IN, milliseconds * (gint64) 1000,
                                         visit->server->stop, NULL) &&
         !g_cancellable_is_cancelled (visit->server->stop);
}

static gboolean
say (Visit        *visit,
     const Answer *answer)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (visit->connection));
  gsize size;
  const char *bytes = g_bytes_get_data (answer->bytes, &size);
  gsize step = answer->pace_ms > 0 ? 1 : size;

  for (guint i = 0; size > 0 && (i < answer->times || answer->times == G_MAXUINT); i++)
    for (gsize at = 0; at < size; at += step)
      if ((answer->pace_ms > 0 && !wait_ms (visit, answer->pace_ms)) ||
          !g_output_stream_write_all (output, bytes + at, step, NULL, visit->server->stop, NULL))
        return FALSE;

  return TRUE;
}

static void
end_visit (Visit     *visit,
           LampRawEnd end)
{
  GSocket *socket = g_socket_connection_get_socket (visit->connection);
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (visit->connection));
  struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
  char byte;

  if (end == LAMP_RAW_RESET || end == LAMP_RAW_RESET_UNREAD)
    setsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  else if (end == LAMP_RAW_HANG)
    g_input_stream_read (input, &byte, 1, visit->server->stop, NULL);
}

static Answer *
peek_answer (LampRawServer *self)
{
  Answer *answer;

  g_mutex_lock (&self->mutex);
  answer = g_queue_peek_head (&self->script);
  g_mutex_unlock (&self->mutex);

  return answer;
}

static Answer *
pop_answer (LampRawServer *self)
{
  Answer *answer;

  g_mutex_lock (&self->mutex);
  answer = g_queue_pop_head (&self->script);
  g_mutex_unlock (&self->mutex);

  return answer;
}

/* Answers one request; FALSE if it was the connection's last. */
static gboolean
serve (Visit *visit)
{
  Answer *next = peek_answer (visit->server);
  gboolean unread = next != NULL && next->end >= LAMP_RAW_CLOSE_UNREAD;
  gboolean more = FALSE;
  Answer *answer;

  if (!unread && !read_request (visit))
    return FALSE;

  answer = pop_answer (visit->server);
  if (answer == NULL)
    return FALSE;

  if (say (visit, answer))
    {
      more = answer->end == LAMP_RAW_KEEP;
      end_visit (visit, answer->end);
    }

  answer_free (answer);

  return more;
}

static gpointer
visit_run (gpointer data)
{
  Visit *visit = data;
  LampRawServer *self = visit->server;

  while (serve (visit))
    ;

  g_io_stream_close (G_IO_STREAM (visit->connection), NULL, NULL);
  g_object_unref (visit->connection);
  g_free (visit);

  g_mutex_lock (&self->mutex);
  self->n_open--;
  g_mutex_unlock (&self->mutex);
  g_main_context_wakeup (NULL);

  return NULL;
}

static gpointer
accept_run (gpointer data)
{
  LampRawServer *self = data;
  GSocketConnection *connection;

  while ((connection = g_socket_listener_accept (self->listener, NULL, self->stop, NULL)) != NULL)
    {
      Visit *visit = g_new0 (Visit, 1);

      visit->server = self;
      visit->connection = connection;
      g_mutex_lock (&self->mutex);
      self->n_open++;
      g_ptr_array_add (self->threads, g_thread_new ("visit", visit_run, visit));
      g_mutex_unlock (&self->mutex);
    }

  return NULL;
}

static void
lamp_raw_server_finalize (GObject *object)
{
  LampRawServer *self = LAMP_RAW_SERVER (object);

  g_cancellable_cancel (self->stop);
  g_thread_join (self->thread);
  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (g_ptr_array_index (self->threads, i));

  g_socket_listener_close (self->listener);
  g_object_unref (self->listener);
  g_object_unref (self->stop);
  g_ptr_array_unref (self->threads);
  g_ptr_array_unref (self->heads);
  g_queue_clear_full (&self->script, answer_free);
  g_mutex_clear (&self->mutex);
  g_free (self->url);

  G_OBJECT_CLASS (lamp_raw_server_parent_class)->finalize (object);
}

static void
lamp_raw_server_class_init (LampRawServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lamp_raw_server_finalize;
}

static void
lamp_raw_server_init (LampRawServer *self)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) effective = NULL;
  g_autoptr (GError) error = NULL;

  self->listener = g_socket_listener_new ();
  self->stop = g_cancellable_new ();
  self->threads = g_ptr_array_new ();
  self->heads = g_ptr_array_new_with_free_func (g_free);
  g_mutex_init (&self->mutex);

  g_socket_listener_add_address (self->listener, address, G_SOCKET_TYPE_STREAM,
                                 G_SOCKET_PROTOCOL_TCP, NULL, &effective, &error);
  g_assert_no_error (error);
  self->url = g_strdup_printf ("http://127.0.0.1:%u",
                               g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (effective)));
  self->thread = g_thread_new ("accept", accept_run, self);
}

LampRawServer *
lamp_raw_server_new (void)
{
  return g_object_new (LAMP_TYPE_RAW_SERVER, NULL);
}

const char *
lamp_raw_server_get_url (LampRawServer *self)
{
  g_return_val_if_fail (LAMP_IS_RAW_SERVER (self), NULL);

  return self->url;
}

void
lamp_raw_server_push (LampRawServer *self,
                      GBytes        *bytes,
                      guint          times,
                      guint          pace_ms,
                      LampRawEnd     end)
{
  Answer *answer = g_new0 (Answer, 1);

  g_return_if_fail (LAMP_IS_RAW_SERVER (self));

  answer->bytes = bytes;
  answer->times = times;
  answer->pace_ms = pace_ms;
  answer->end = end;

  g_mutex_lock (&self->mutex);
  g_queue_push_tail (&self->script, answer);
  g_mutex_unlock (&self->mutex);
}

void
lamp_raw_server_push_text (LampRawServer *self,
                           const char    *text,
                           LampRawEnd     end)
{
  lamp_raw_server_push (self, g_bytes_new (text, strlen (text)), 1, 0, end);
}

guint
lamp_raw_server_get_n_connections (LampRawServer *self)
{
  guint n;

  g_return_val_if_fail (LAMP_IS_RAW_SERVER (self), 0);

  g_mutex_lock (&self->mutex);
  n = self->threads->len;
  g_mutex_unlock (&self->mutex);

  return n;
}

guint
lamp_raw_server_get_n_open (LampRawServer *self)
{
  guint n;

  g_return_val_if_fail (LAMP_IS_RAW_SERVER (self), 0);

  g_mutex_lock (&self->mutex);
  n = self->n_open;
  g_mutex_unlock (&self->mutex);

  return n;
}

guint
lamp_raw_server_get_n_requests (LampRawServer *self)
{
  guint n;

  g_return_val_if_fail (LAMP_IS_RAW_SERVER (self), 0);

  g_mutex_lock (&self->mutex);
  n = self->heads->len;
  g_mutex_unlock (&self->mutex);

  return n;
}

char *
lamp_raw_server_dup_head (LampRawServer *self,
                          guint          index)
{
  char *head;

  g_return_val_if_fail (LAMP_IS_RAW_SERVER (self), NULL);

  g_mutex_lock (&self->mutex);
  head = index < self->heads->len ? g_strdup (g_ptr_array_index (self->heads, index)) : NULL;
  g_mutex_unlock (&self->mutex);

  return head;
}
