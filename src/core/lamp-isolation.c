/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-isolation.h"

/* The rule by which an event is failed without a word of the server. A request that gets no true
 * answer says little: the server goes away in the middle, the line loses each third request, one of
 * two servers behind an address is broken. From outside all of that looks like a bad event.
 *
 * So the event is tried alone again and again, and others, its witnesses, are tried alone in
 * between. Each of its tries must fail, and each witness since the first of them must get through,
 * with its first try. If one doesn't, all of that is forgotten: who loses witnesses is no judge.
 * A line that loses a part p of all requests does that to an innocent event with p^n · (1 - p)^n at
 * most, which is less than 4^-n for any p; and the order of the tries has no period that such a
 * line could have by itself.
 *
 * An error that the server itself has told (firm) is the stronger evidence: n is smaller, and
 * nothing is waited for. Where there was no answer, a wait that gets longer is before each try.
 *
 * Where no other event is left that could be a witness, or all that are left have failed alone as
 * well, others of the batch must have got through since the batch failed, and nothing that had
 * failed may have done so later; the event must fail alone firmly, a number of times, each between
 * two probes of a server that is well, with a wait behind it. Without a firm answer it stays
 * pending: the next event that comes is a witness.
 *
 * A server that is found unwell wipes all of this out, and what it does not answer between two
 * events that get through counts once. */
#define FIRM_TRIES 5
#define TRIES 10
#define TIMES_ALONE 4

/* Of these, what is counted for the next one, when the first of several is failed. */
#define TIMES_ALONE_NEXT 2

/* The suspect, or a witness: nothing that comes every second, third … time looks like this. */
static const char plan[] = "SSWSWWSWWSSWWSWSSWSWW";

/* Requests without an answer in a row, while the server was there a moment ago, before it is asked.
 */
#define MUTES 3

/* How many other events are tried as witnesses for one that has failed alone, where the server was
 * there a moment ago. Where it wasn't, one in each second round; in the first one only if it has
 * told an error at least: most often nobody is there, and an event that gets through then would be
 * ahead of others without need. */
#define WITNESSES 3

/* How many rows are left out after a witness that the server has an error for: bad ones often come
 * together. */
#define FIRST_LEAP 2

/* The least wait after a round in which nothing got through, in steps of the backoff: with the
 * tries of the batch it isn't more than some 20 requests in the first minute. */
#define SILENT_STEPS 2

/*  TRYING ── retries used up ──▶ ROUND ── something gets through ──▶ SEARCHING
 *                                 ▲ └─ nothing does: wait, and again ─┘     │
 *                                 └──── nothing does any more: wait ────────┘ */
typedef enum
{
  STAGE_TRYING,    /* the batch, or what is left of it, as it is */
  STAGE_ROUND,     /* the server may be at fault: it is asked, then the head alone is tried */
  STAGE_SEARCHING, /* the server is there: halving */
} Stage;

typedef enum
{
  STEP_RANGE,   /* the first half of what is bad, or all that is left */
  STEP_WITNESS, /* the head has failed alone: does another one get through? */
  STEP_PROBE,   /* a round begins */
  STEP_CHECK,   /* is the server still there? Then what was done before goes on */
  STEP_FAIL,
  STEP_WAIT,
} Step;

struct _LampIsolation
{
  GArray *rows; /* (owned) of gint64, ascending */
  guint lo;     /* rows before this one are done with */
  guint bad;    /* somewhere in front of this one is a culprit; 0: not known */
  guint max_retries;
  guint retries; /* that are left */
  Stage stage;
  Step step;
  Step resume;       /* after STEP_CHECK, STEP_WAIT */
  guint mutes;       /* in a row */
  guint strikes;     /* how often the head has failed alone */
  guint passes;      /* witnesses that got through since the first strike */
  gboolean firm;     /* each strike was an error that the server told */
  gboolean lossy;    /* something that had failed got through later */
  gboolean beside;   /* something got through since the batch failed */
  gboolean lonely;   /* the head has failed alone, and so have all others, if there are any */
  guint alone;       /* how often that was so, firmly, while the server was well */
  guint credit;      /* how many of them were counted before the head was tried */
  gboolean in_vain;  /* some of that was lost again, and nothing got through since */
  guint silent;      /* rounds in a row in which nothing got through */
  guint witnesses;   /* that may still be tried */
  gint64 witness;    /* the next one is behind this row */
  gint64 known;      /* those up to this row were tried as witnesses when none was left */
  gint64 loser;      /* the last one that failed, 0 for none */
  guint stride;      /* how far behind a witness that failed: those beside it may be as bad */
  gboolean leapt;    /* some were not tried as witnesses */
  gboolean thorough; /* all will be */
};

LampIsolation *
lamp_isolation_new (const gint64 *rows,
                    guint         n_rows,
                    guint         max_retries)
{
  LampIsolation *self = NULL;

  g_return_val_if_fail (n_rows >= 1, NULL);

  self = g_new0 (LampIsolation, 1);
  self->rows = g_array_sized_new (FALSE, FALSE, sizeof (gint64), n_rows);
  g_array_append_vals (self->rows, rows, n_rows);
  self->max_retries = max_retries;
  self->retries = max_retries;
  self->step = STEP_RANGE;
  self->firm = TRUE;

  return self;
}

void
lamp_isolation_free (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  g_array_unref (self->rows);
  g_free (self);
}

static gint64
get_row (const LampIsolation *self,
         guint                index)
{
  return g_array_index (self->rows, gint64, index);
}

/* The place of the first row behind @row. */
static guint
find_behind (const LampIsolation *self,
             gint64               row)
{
  guint index = self->lo;

  while (index < self->rows->len && get_row (self, index) <= row)
    index++;

  return index;
}

static gboolean
is_done (const LampIsolation *self)
{
  return self->lo >= self->rows->len;
}

/* --- what to do --------------------------------------------------------- */

static guint
range_end (const LampIsolation *self)
{
  return self->bad > 0 ? self->lo + (self->bad - self->lo + 1) / 2 : self->rows->len;
}

/* One that is tried alone is the oldest there is, also if it came back to its place meanwhile. */
static LampTrial
range_trial (const LampIsolation *self)
{
  guint end = range_end (self);
  LampTrial trial = { .kind = LAMP_TRIAL_SEND,
                      .after = get_row (self, 0) - 1,
                      .until = get_row (self, end - 1) };

  if (self->bad == self->lo + 1)
    {
      trial.after = 0;
      trial.limit = 1;
    }
  else if (self->lo > 0)
    {
      trial.after = get_row (self, self->lo - 1);
    }

  return trial;
}

/* Before a suspect is tried alone again, while others get through or none is left, the waits begin
 * anew; but where nothing gets through, only once. */
static LampTrial
wait_trial (const LampIsolation *self)
{
  LampTrial trial = { .kind = LAMP_TRIAL_WAIT, .at_least = TRUE };

  if (self->resume == STEP_RANGE && self->strikes > 0)
    {
      trial.failures = self->strikes - 1;
      trial.at_least = FALSE;
    }
  else if (self->lonely && self->alone > self->credit)
    {
      trial.failures = self->alone - self->credit;
      trial.at_least = self->in_vain;
    }
  else if (self->silent > 0)
    {
      trial.failures = SILENT_STEPS;
    }

  return trial;
}

LampTrial
lamp_isolation_next (const LampIsolation *self)
{
  LampTrial trial = { .kind = LAMP_TRIAL_DONE };

  g_return_val_if_fail (self != NULL, trial);

  if (is_done (self))
    return trial;

  switch (self->step)
    {
    case STEP_RANGE:
      return range_trial (self);
    case STEP_WITNESS:
      return (LampTrial){
        .kind = LAMP_TRIAL_SEND, .after = self->witness, .until = G_MAXINT64, .limit = 1
      };
    case STEP_PROBE:
    case STEP_CHECK:
      return (LampTrial){ .kind = LAMP_TRIAL_PROBE };
    case STEP_FAIL:
      return (LampTrial){ .kind = LAMP_TRIAL_FAIL, .until = get_row (self, self->lo), .limit = 1 };
    case STEP_WAIT:
    default:
      return wait_trial (self);
    }
}

/* --- what came of it ---------------------------------------------------- */

static void
forget_strikes (LampIsolation *self)
{
  self->strikes = 0;
  self->passes = 0;
  self->firm = TRUE;
}

static void
forget_evidence (LampIsolation *self)
{
  forget_strikes (self);
  self->lonely = FALSE;
  self->alone = 0;
  self->credit = 0;
}

/* Nothing has got through that would speak for the server. */
static void
lose_evidence (LampIsolation *self)
{
  self->in_vain = self->in_vain || self->alone > self->credit;
  forget_evidence (self);
}

/* From the row behind the head. */
static void
begin_witnesses (LampIsolation *self)
{
  self->witness = 0;
  self->stride = 0;
  self->leapt = FALSE;
}

static void
wait_for (LampIsolation *self,
          Step           next)
{
  self->resume = next;
  self->step = STEP_WAIT;
}

static void
check_before (LampIsolation *self,
              Step           next)
{
  self->resume = next;
  self->step = STEP_CHECK;
}

/* Nothing got through in it; or nothing is left that could. */
static void
end_round (LampIsolation *self)
{
  self->silent += self->lonely ? 0 : 1;
  wait_for (self, STEP_PROBE);
}

/* Everything before @index is done with; the search goes on behind it. */
static void
advance_to (LampIsolation *self,
            guint          index)
{
  if (index != self->lo)
    {
      if (self->loser <= get_row (self, index - 1))
        self->loser = 0;
      forget_evidence (self);
      begin_witnesses (self);
      self->thorough = FALSE;
    }

  self->lo = index;
  if (self->lo >= self->bad)
    self->bad = 0;

  self->step = STEP_RANGE;
}

static gboolean
is_strict (const LampIsolation *self)
{
  return !self->firm || self->lossy;
}

static guint
get_tries (const LampIsolation *self)
{
  return MAX (is_strict (self) ? TRIES : FIRM_TRIES, self->max_retries + 1);
}

static gboolean
is_suspects_turn (const LampIsolation *self)
{
  guint tries = get_tries (self);

  if (self->strikes >= tries || self->passes >= tries)
    return self->strikes < tries;

  return plan[(self->strikes + self->passes) % (G_N_ELEMENTS (plan) - 1)] == 'S';
}

void
lamp_isolation_spoke (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  self->mutes = 0;
  self->silent = 0;
  self->in_vain = FALSE;
  self->retries = self->stage == STAGE_TRYING ? self->max_retries : 0;
  if (self->stage == STAGE_TRYING)
    return;

  self->stage = STAGE_SEARCHING;
  self->beside = TRUE;
}

/* The server was there a moment ago. */
static void
call_witness (LampIsolation *self)
{
  self->witness = MAX (self->witness, get_row (self, self->lo));
  self->step = STEP_WITNESS;
}

/* The head has failed alone, or a witness for that got through. */
static void
follow_plan (LampIsolation *self)
{
  guint tries = get_tries (self);

  if (self->strikes >= tries && self->passes >= tries)
    self->step = STEP_FAIL;
  else if (!is_suspects_turn (self))
    call_witness (self);
  else if (self->strikes > 0 && is_strict (self))
    wait_for (self, STEP_RANGE);
  else
    self->step = STEP_RANGE;
}

static void
witness_passed (LampIsolation *self,
                gint64         row)
{
  self->witness = row;
  self->bad = self->lo + 1;
  self->lonely = FALSE;
  self->alone = 0;
  self->credit = 0;
  self->passes += self->strikes > 0 ? 1 : 0;
  follow_plan (self);
}

void
lamp_isolation_passed (LampIsolation *self,
                       gint64         last)
{
  gboolean was_searching;
  guint index;

  g_return_if_fail (self != NULL);

  was_searching = self->stage == STAGE_SEARCHING;
  lamp_isolation_spoke (self);
  if (self->step == STEP_WITNESS)
    {
      witness_passed (self, last);
    }
  else if (last < get_row (self, self->lo))
    {
      /* One that came back to a place before all of these: the server is there. */
      self->bad = 0;
    }
  else
    {
      index = find_behind (self, last);
      self->lossy = self->lossy || self->strikes > 0 || (self->loser > 0 && self->loser <= last) ||
                    (was_searching && self->bad > 0 && index >= self->bad);
      advance_to (self, index);
    }
}

void
lamp_isolation_blamed (LampIsolation *self,
                       gint64         last)
{
  g_return_if_fail (self != NULL);

  lamp_isolation_spoke (self);
  self->bad = find_behind (self, last);
}

static void
count_alone (LampIsolation *self)
{
  self->alone++;
  if (self->firm)
    return;

  self->in_vain = TRUE;
  self->alone = self->credit = 0;
}

/* Whether the server is there is in doubt as well: how much is tried to find that out. */
static void
doubt_server (LampIsolation *self)
{
  gboolean is_turn = self->silent % 2 == 1 || (self->firm && self->silent == 0);

  self->strikes = MAX (self->strikes, 1);
  if (self->lonely)
    count_alone (self);

  self->witnesses = 1;
  if (self->alone >= TIMES_ALONE && !self->lossy)
    check_before (self, STEP_FAIL);
  else if (is_turn || self->lonely)
    call_witness (self);
  else
    end_round (self);
}

static void
head_muted (LampIsolation *self,
            gboolean       firm)
{
  self->firm = firm && (self->firm || self->strikes == 0);
  if (self->stage == STAGE_ROUND)
    {
      doubt_server (self);
    }
  else
    {
      self->strikes++;
      self->witnesses = WITNESSES;
      follow_plan (self);
    }
}

static void
range_muted (LampIsolation *self,
             gint64         first,
             gint64         last,
             gboolean       firm)
{
  guint head;
  guint end;

  if (first < get_row (self, self->lo))
    {
      /* The oldest, come back to its place: it is the head now. */
      g_array_insert_val (self->rows, self->lo, first);
      lose_evidence (self);
      begin_witnesses (self);
    }

  end = find_behind (self, last);
  head = find_behind (self, first - 1);
  if (head != self->lo)
    advance_to (self, head);
  self->bad = end;
  if (end == self->lo + 1)
    head_muted (self, firm);
  else if (++self->mutes >= MUTES)
    check_before (self, STEP_RANGE);
}

/* Where the next witness is, after one that failed. Where nothing gets through, in leaps that get
 * longer; towards the end, and when there are no more, all of them one by one. */
static void
leap (LampIsolation *self,
      gint64         row,
      gboolean       firm)
{
  guint behind = find_behind (self, row);

  self->witness = row;
  if (self->thorough || self->stage == STAGE_SEARCHING)
    return;

  if (firm)
    self->stride = MAX (self->stride, FIRST_LEAP);
  if (self->stride > 0 && behind + self->stride < self->rows->len)
    {
      self->leapt = TRUE;
      self->witness = get_row (self, behind + self->stride - 1);
    }
  self->stride = MAX (2 * self->stride, 1);
}

/* The head's fault is not shown by it: it may be the server's. */
static void
witness_muted (LampIsolation *self,
               gint64         row,
               gboolean       firm)
{
  /* One more that fails, and it is new: then it is rather the server. */
  if (row > self->known)
    lose_evidence (self);
  else
    forget_strikes (self);
  self->loser = row;
  leap (self, row, firm);
  if (--self->witnesses > 0)
    check_before (self, STEP_WITNESS);
  else
    end_round (self);
}

void
lamp_isolation_muted (LampIsolation *self,
                      gint64         first,
                      gint64         last,
                      gboolean       firm)
{
  g_return_if_fail (self != NULL);

  if (self->stage != STAGE_TRYING)
    {
      if (self->step == STEP_WITNESS)
        witness_muted (self, last, firm);
      else
        range_muted (self, first, last, firm);
    }
  else if (self->retries > 0)
    {
      self->retries--;
      wait_for (self, STEP_RANGE);
    }
  else
    {
      self->stage = STAGE_ROUND;
      self->step = STEP_PROBE;
    }
}

void
lamp_isolation_nothing (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  if (self->step != STEP_WITNESS)
    {
      advance_to (self, range_end (self));
      if (self->stage == STAGE_ROUND && !is_done (self))
        self->bad = self->lo + 1;
    }
  else
    {
      if (self->leapt)
        {
          self->thorough = TRUE;
          begin_witnesses (self);
          call_witness (self);
          return;
        }

      self->lonely = self->beside;
      self->known = MAX (self->witness, get_row (self, self->rows->len - 1));

      /* What failed already is not asked again for one that others speak against. */
      if (self->passes == 0)
        begin_witnesses (self);
      end_round (self);
    }
}

static void
begin_round (LampIsolation *self)
{
  self->stage = STAGE_ROUND;
  self->bad = self->lo + 1;
  self->step = STEP_RANGE;
}

void
lamp_isolation_probed (LampIsolation *self,
                       gboolean       well)
{
  g_return_if_fail (self != NULL);

  if (!well)
    {
      self->lossy = self->lossy || self->beside;
      lose_evidence (self);
      wait_for (self, STEP_PROBE);
    }
  else if (self->step == STEP_PROBE)
    {
      begin_round (self);
    }
  else
    {
      self->step = self->resume;
    }

  self->mutes = 0;
}

void
lamp_isolation_dare (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  if (self->step == STEP_PROBE)
    begin_round (self);
}

gboolean
lamp_isolation_failed (LampIsolation *self)
{
  gboolean is_lonely;

  g_return_val_if_fail (self != NULL, FALSE);

  is_lonely = self->lonely && self->alone > 0;
  advance_to (self, self->lo + 1);
  self->bad = 0;

  /* All that is left has failed alone as well. */
  self->lonely = is_lonely;
  self->credit = is_lonely ? TIMES_ALONE_NEXT : 0;
  self->alone = self->credit;

  return !is_lonely;
}

void
lamp_isolation_waited (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  if (self->step == STEP_WAIT)
    self->step = self->resume;
}

gboolean
lamp_isolation_is_trying (const LampIsolation *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->stage == STAGE_TRYING;
}

gboolean
lamp_isolation_is_exhausted (const LampIsolation *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->stage == STAGE_TRYING && self->retries == 0;
}

gboolean
lamp_isolation_has_row (const LampIsolation *self,
                        gint64               row)
{
  g_return_val_if_fail (self != NULL, FALSE);

  for (guint i = 0; i < self->rows->len; i++)
    if (get_row (self, i) == row)
      return TRUE;

  return FALSE;
}

gint64
lamp_isolation_get_head (const LampIsolation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return is_done (self) ? 0 : get_row (self, self->lo);
}
