/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-transport-dummy.h"

#define ORIGIN "https://team.example.org"
#define RETRY_AFTER (7 * (gint64) G_USEC_PER_SEC)

typedef struct
{
  LampOutcomeKind kind;
  guint index;
  LampVerdictKind verdict; /* NONE for a line without one */
  char *code;              /* (owned) (nullable) */
  char *message;           /* (owned) (nullable) */
} Line;

typedef struct
{
  LampTransportDummy *transport; /* holds it */
  GTask *task;                   /* (owned) */
  LampBatch *batch;              /* (owned) (nullable) NULL for a probe */
  GSource *answer;               /* (owned) (nullable) while it isn't held */
  GSource *cancelled;            /* (owned) (nullable) */
} Request;

struct _LampTransportDummy
{
  GObject parent_instance;

  char *origin;       /* (owned) (nullable) */
  GQueue lines;       /* (owned) of Line */
  GPtrArray *flying;  /* (owned) of Request */
  GPtrArray *batches; /* (owned) of char ** */
  GPtrArray *taken;   /* (owned) of ids */
  LampTransportJudge judge;
  gpointer judge_data;
  LampOutcomeKind health;
  LampLimits limits;
  guint n_probes;
  gboolean holding;
};

static void lamp_transport_dummy_iface_init (LampTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LampTransportDummy,
                               lamp_transport_dummy,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LAMP_TYPE_TRANSPORT,
                                                      lamp_transport_dummy_iface_init))

static void
line_free (gpointer data)
{
  Line *line = data;

  g_free (line->code);
  g_free (line->message);
  g_free (line);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Line, line_free)

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
request_free (gpointer data)
{
  Request *request = data;

  clear_source (&request->answer);
  clear_source (&request->cancelled);
  g_clear_pointer (&request->batch, lamp_batch_unref);
  g_object_unref (request->task);
  g_free (request);
}

/* --- what the server says ----------------------------------------------- */

static LampOutcome *
outcome_new (LampOutcomeKind kind,
             guint           size)
{
  LampOutcome *outcome = lamp_outcome_new (kind, size);

  g_free (outcome->message);
  outcome->message = g_strdup_printf ("outcome %d", kind);
  if (kind == LAMP_OUTCOME_THROTTLED)
    outcome->retry_after = RETRY_AFTER;
  for (guint i = 0; kind == LAMP_OUTCOME_ANSWERED && i < size; i++)
    outcome->verdicts[i].kind = LAMP_VERDICT_DELIVERED;

  return outcome;
}

static LampOutcome *
outcome_for_line (const Line *line,
                  guint       size)
{
  LampOutcome *outcome = outcome_new (line->kind, size);

  if (line->code != NULL || line->message != NULL || line->verdict != LAMP_VERDICT_NONE ||
      line->index != G_MAXUINT)
    {
      LampVerdict *verdict = NULL;

      g_assert_cmpuint (line->index, <, size);
      verdict = &outcome->verdicts[line->index];
      verdict->kind = line->verdict;
      verdict->code = g_strdup (line->code);
      verdict->message = g_strdup (line->message);
    }

  return outcome;
}

static LampOutcome *
judge_batch (LampTransportDummy *self,
             LampBatch          *batch)
{
  guint size = lamp_batch_get_size (batch);
  g_autoptr (Line) line = g_queue_pop_head (&self->lines);
  LampOutcome *outcome = NULL;

  if (line != NULL)
    outcome = outcome_for_line (line, size);
  else if (self->judge != NULL)
    outcome = self->judge (batch, self->judge_data);
  if (outcome == NULL)
    outcome = outcome_new (LAMP_OUTCOME_ANSWERED, size);

  for (guint i = 0; i < size; i++)
    if (outcome->kind == LAMP_OUTCOME_ANSWERED &&
        outcome->verdicts[i].kind == LAMP_VERDICT_DELIVERED)
      g_ptr_array_add (self->taken, g_strdup (lamp_batch_get_event (batch, i)->event_id));

  return outcome;
}

/* --- requests ----------------------------------------------------------- */

static void
finish (Request     *request,
        LampOutcome *outcome)
{
  g_autoptr (GTask) task = g_object_ref (request->task);

  g_ptr_array_remove_fast (request->transport->flying, request);
  g_task_return_pointer (task, outcome, (GDestroyNotify) lamp_outcome_free);
}

static gboolean
answer_cb (gpointer user_data)
{
  Request *request = user_data;
  LampTransportDummy *self = request->transport;

  finish (request, request->batch != NULL ? judge_batch (self, request->batch)
                                          : outcome_new (self->health, 0));

  return G_SOURCE_REMOVE;
}

static gboolean
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  Request *request = user_data;
  guint size = request->batch != NULL ? lamp_batch_get_size (request->batch) : 0;

  finish (request, outcome_new (LAMP_OUTCOME_CANCELLED, size));

  return G_SOURCE_REMOVE;
}

static GSource *
attach (GSource    *source,
        GSourceFunc func,
        Request    *request)
{
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, request, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());

  return source;
}

static void
fly (LampTransportDummy *self,
     GTask              *task,
     LampBatch          *batch)
{
  Request *request = g_new0 (Request, 1);
  GCancellable *cancellable = g_task_get_cancellable (task);

  request->transport = self;
  request->task = task;
  g_task_set_check_cancellable (task, FALSE);
  request->batch = batch != NULL ? lamp_batch_ref (batch) : NULL;
  if (cancellable != NULL)
    request->cancelled = attach (g_cancellable_source_new (cancellable),
                                 G_SOURCE_FUNC (cancelled_cb), request);
  if (!self->holding)
    request->answer = attach (g_idle_source_new (), answer_cb, request);
  g_ptr_array_add (self->flying, request);
}

static const char *
lamp_transport_dummy_get_origin (LampTransport *transport)
{
  return LAMP_TRANSPORT_DUMMY (transport)->origin;
}

static void
record (LampTransportDummy *self,
        LampBatch          *batch)
{
  guint size = lamp_batch_get_size (batch);
  char **ids = g_new0 (char *, size + 1);

  for (guint i = 0; i < size; i++)
    ids[i] = g_strdup (lamp_batch_get_event (batch, i)->event_id);
  g_ptr_array_add (self->batches, ids);
}

static void
lamp_transport_dummy_send_async (LampTransport      *transport,
                                 LampBatch          *batch,
                                 GCancellable       *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer            user_data)
{
  LampTransportDummy *self = LAMP_TRANSPORT_DUMMY (transport);

  g_assert_nonnull (self->origin);
  record (self, batch);
  fly (self, g_task_new (self, cancellable, callback, user_data), batch);
}

static LampOutcome *
lamp_transport_dummy_send_finish (LampTransport *transport,
                                  GAsyncResult  *result)
{
  return g_task_propagate_pointer (G_TASK (result), NULL);
}

static void
lamp_transport_dummy_probe_async (LampTransport      *transport,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data)
{
  LampTransportDummy *self = LAMP_TRANSPORT_DUMMY (transport);

  g_assert_nonnull (self->origin);
  self->n_probes++;
  fly (self, g_task_new (self, cancellable, callback, user_data), NULL);
}

static LampOutcome *
lamp_transport_dummy_probe_finish (LampTransport *transport,
                                   GAsyncResult  *result,
                                   LampLimits    *limits)
{
  LampTransportDummy *self = LAMP_TRANSPORT_DUMMY (transport);
  LampOutcome *outcome = g_task_propagate_pointer (G_TASK (result), NULL);

  *limits = outcome->kind == LAMP_OUTCOME_ANSWERED ? self->limits : (LampLimits){ 0 };

  return outcome;
}

static void
lamp_transport_dummy_iface_init (LampTransportInterface *iface)
{
  iface->get_origin = lamp_transport_dummy_get_origin;
  iface->send_async = lamp_transport_dummy_send_async;
  iface->send_finish = lamp_transport_dummy_send_finish;
  iface->probe_async = lamp_transport_dummy_probe_async;
  iface->probe_finish = lamp_transport_dummy_probe_finish;
}

/* --- the object --------------------------------------------------------- */

static void
lamp_transport_dummy_finalize (GObject *object)
{
  LampTransportDummy *self = LAMP_TRANSPORT_DUMMY (object);

  g_assert_cmpuint (self->flying->len, ==, 0);
  g_free (self->origin);
  g_queue_clear_full (&self->lines, line_free);
  g_ptr_array_unref (self->flying);
  g_ptr_array_unref (self->batches);
  g_ptr_array_unref (self->taken);

  G_OBJECT_CLASS (lamp_transport_dummy_parent_class)->finalize (object);
}

static void
lamp_transport_dummy_class_init (LampTransportDummyClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lamp_transport_dummy_finalize;
}

static void
lamp_transport_dummy_init (LampTransportDummy *self)
{
  self->origin = g_strdup (ORIGIN);
  self->flying = g_ptr_array_new_with_free_func (request_free);
  self->batches = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  self->taken = g_ptr_array_new_with_free_func (g_free);
}

LampTransportDummy *
lamp_transport_dummy_new (void)
{
  return g_object_new (LAMP_TYPE_TRANSPORT_DUMMY, NULL);
}

void
lamp_transport_dummy_set_origin (LampTransportDummy *self,
                                 const char         *origin)
{
  g_free (self->origin);
  self->origin = g_strdup (origin);
}

void
lamp_transport_dummy_push (LampTransportDummy *self,
                           LampOutcomeKind     kind)
{
  Line *line = g_new0 (Line, 1);

  line->kind = kind;
  line->index = G_MAXUINT;
  g_queue_push_tail (&self->lines, line);
}

void
lamp_transport_dummy_push_verdict (LampTransportDummy *self,
                                   LampOutcomeKind     kind,
                                   guint               index,
                                   LampVerdictKind     verdict,
                                   const char         *code,
                                   const char         *message)
{
  Line *line = g_new0 (Line, 1);

  line->kind = kind;
  line->index = index;
  line->verdict = verdict;
  line->code = g_strdup (code);
  line->message = g_strdup (message);
  g_queue_push_tail (&self->lines, line);
}

void
lamp_transport_dummy_set_judge (LampTransportDummy *self,
                                LampTransportJudge  judge,
                                gpointer            user_data)
{
  self->judge = judge;
  self->judge_data = user_data;
}

void
lamp_transport_dummy_set_health (LampTransportDummy *self,
                                 LampOutcomeKind     kind,
                                 const LampLimits   *limits)
{
  self->health = kind;
  self->limits = limits != NULL ? *limits : (LampLimits){ 0 };
}

void
lamp_transport_dummy_hold (LampTransportDummy *self)
{
  self->holding = TRUE;
  for (guint i = 0; i < self->flying->len; i++)
    clear_source (&((Request *) g_ptr_array_index (self->flying, i))->answer);
}

void
lamp_transport_dummy_release (LampTransportDummy *self)
{
  self->holding = FALSE;
  for (guint i = 0; i < self->flying->len; i++)
    {
      Request *request = g_ptr_array_index (self->flying, i);

      if (request->answer == NULL)
        request->answer = attach (g_idle_source_new (), answer_cb, request);
    }
}

guint
lamp_transport_dummy_get_n_in_flight (LampTransportDummy *self)
{
  return self->flying->len;
}

guint
lamp_transport_dummy_get_n_probes (LampTransportDummy *self)
{
  return self->n_probes;
}

guint
lamp_transport_dummy_get_n_batches (LampTransportDummy *self)
{
  return self->batches->len;
}

const char *const *
lamp_transport_dummy_get_batch (LampTransportDummy *self,
                                guint               index)
{
  g_assert_cmpuint (index, <, self->batches->len);

  return g_ptr_array_index (self->batches, index);
}

guint
lamp_transport_dummy_get_size (LampTransportDummy *self,
                               guint               index)
{
  return g_strv_length ((char **) lamp_transport_dummy_get_batch (self, index));
}

GPtrArray *
lamp_transport_dummy_get_taken (LampTransportDummy *self)
{
  return self->taken;
}
