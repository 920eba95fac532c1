/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-queue.h"
#include "lamp-store.h"

G_BEGIN_DECLS

/* For the files that hold operations of the queue: lamp-queue-*. */

/* One operation: what runs on the store's thread, and what follows on the caller's. */
typedef struct _Job LampQueueJob;

struct _Job
{
  LampStoreMode mode;
  LampStoreFunc run;

  /* (nullable) After a run that succeeded; FALSE asks for another run. */
  gboolean (*done) (LampQueue *self, LampQueueJob *job);

  GPtrArray *events;       /* (owned) (nullable) append */
  GPtrArray *receipts;     /* (owned) (nullable) */
  LampFilter *filter;      /* (owned) (nullable) list */
  LampPage *page;          /* (owned) (nullable) */
  LampRow *row;            /* (owned) (nullable) get */
  char **ids;              /* (owned) (nullable) get, resend, discard */
  LampBatch *batch;        /* (owned) (nullable) read, settle */
  GArray *skip;            /* (owned) (nullable) */
  GArray *unfit;           /* (owned) (nullable) of Unfit */
  LampOutcome *outcome;    /* (owned) (nullable) settle */
  GStrvBuilder *delivered; /* (owned) (nullable) */
  GPtrArray *failed;       /* (owned) (nullable) of LampRefusal */
  GArray *points;          /* (owned) (nullable) of LampTrendPoint */
  char *text;              /* (owned) (nullable) an origin, a path */
  char *last_server;       /* (owned) (nullable) check_server */
  gint64 after;
  gint64 until;
  gint64 value;
  guint64 capacity;
  gsize max_bytes;
  guint limit;
  guint days;
  guint count;
  int data_version;
};

LampQueueJob *lamp_queue_job_new       (LampStoreMode        mode,
                                        LampStoreFunc        run);

void          lamp_queue_job_free      (LampQueueJob        *job);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampQueueJob, lamp_queue_job_free)

/* Runs a job until it is done, and waits for it. */
gboolean      lamp_queue_run_job       (LampQueue           *self,
                                        LampQueueJob        *job,
                                        GError             **error);

/* The same without waiting. Takes the job. */
void          lamp_queue_run_job_async (LampQueue           *self,
                                        LampQueueJob        *job,
                                        gpointer             source_tag,
                                        GAsyncReadyCallback  callback,
                                        gpointer             user_data);

/* The job behind a result, which owns it, or NULL with the error set. */
LampQueueJob *lamp_queue_finish_job    (LampQueue           *self,
                                        GAsyncResult        *result,
                                        gpointer             source_tag,
                                        GError             **error);

LampStore    *lamp_queue_get_store     (LampQueue           *self);

/* To be called with the numbers of each job that was run. */
void          lamp_queue_take_tally    (LampQueue           *self,
                                        const LampTally     *tally);

/* Tidies if more delivered events wait for it than the history will ever hold. */
void          lamp_queue_keep_tidy     (LampQueue           *self);

G_END_DECLS
