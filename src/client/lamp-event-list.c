/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-event-list.h"

#include "lamp-event-page.h"

/* Rows that are asked for at once: several screens of them, and 2 ms of the agent's time. */
#define PAGE_ROWS 100

/* Rows that List() gives at most when a page that has grown is read again. */
#define PAGE_ROWS_MAX 300

/* Pages that are kept although nobody looks at them. */
#define PAGES_MAX 20

/* Changes that come together are one; a list that is read anew all the time can't be read. */
#define REFRESH_INTERVAL_MS 200

/* To find the rows of a filter the agent may have to look at all there are. */
#define REFRESH_FILTER_INTERVAL_MS 2000

/* Ids in which rows above a page are looked for, before the newest ones are asked for instead. */
#define REACH_MAX ((double) G_MAXINT)

/* Ids below the first one: a search for the oldest row begins here. */
#define LOWEST_ID 1

typedef enum
{
  FETCH_NONE,
  FETCH_REFRESH,  /* a page once more */
  FETCH_FORWARD,  /* the rows below a page, or the newest ones */
  FETCH_BACKWARD, /* the rows above a page */
  FETCH_JUMP,     /* somewhere between two pages */
  FETCH_BOTTOM,   /* the oldest rows */
} FetchKind;

/* A row that somebody looks at and that hasn't come yet. */
typedef struct
{
  LampEventItem *item; /* (not owned) it says when it goes */
  guint position;
} Blank;

struct _LampEventList
{
  GObject parent_instance;

  LampClient *client;   /* (owned) */
  char *status;         /* (owned) */
  char *mission_id;     /* (owned) (nullable) */
  char *event_type;     /* (owned) (nullable) */
  char *text;           /* (owned) (nullable) */
  GCancellable *cancel; /* (owned) of the call on the way */

  GPtrArray *pages;  /* (owned) of LampEventPage, by position, with gaps between them */
  GHashTable *live;  /* (owned) event id (owned) → LampEventItem that somebody holds */
  GHashTable *names; /* (owned) LampEventItem → its key in @live (not owned) */
  GArray *blanks;    /* (owned) of Blank, the one asked for last at the end */
  guint n_items;
  guint64 counter; /* orders the uses of pages */

  FetchKind fetch;   /* what is on the way */
  gint64 cursor;     /* and from which id on */
  guint limit;       /* and how many rows */
  guint place;       /* where the rows go: a page's index, or a position */
  double reach;      /* ids above a page in which its upper neighbours are looked for, 0 unknown */
  gint64 bottom_low; /* below this id there are no rows, while the oldest are looked for */
  gint64 bottom_high;

  gboolean empty;   /* the agent has said that there are no rows */
  gboolean stale;   /* what is shown may be out of date */
  gboolean ready;   /* the first answer has come */
  guint refresh_id; /* 0 while nothing is to be read again */
  guint pump_id;    /* 0 while nobody waits for rows */
};

static void lamp_event_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LampEventList,
                               lamp_event_list,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL,
                                                      lamp_event_list_model_init))

enum
{
  PROP_N_ITEMS = 1,
  PROP_READY,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

static void pump_later (LampEventList *self);

/* --- items -------------------------------------------------------------- */

static void
item_gone_cb (gpointer user_data,
              GObject *item)
{
  LampEventList *self = user_data;
  const char *name = g_hash_table_lookup (self->names, item);

  if (name != NULL)
    {
      g_hash_table_remove (self->live, name);
      g_hash_table_remove (self->names, item);
      return;
    }

  for (guint i = 0; i < self->blanks->len; i++)
    if ((GObject *) g_array_index (self->blanks, Blank, i).item == item)
      {
        g_array_remove_index (self->blanks, i);
        return;
      }
}

/* From now on @item stands for an event. */
static void
remember_item (LampEventList *self,
               LampEventItem *item,
               const char    *event_id)
{
  char *name = g_strdup (event_id);

  g_hash_table_insert (self->live, name, item);
  g_hash_table_insert (self->names, item, name);
}

static LampEventItem *
item_for_row (LampEventList       *self,
              const LampEventPage *page,
              guint                index)
{
  const char *event_id = page->ids[index];
  LampEventItem *item = g_hash_table_lookup (self->live, event_id);
  g_autoptr (GVariant) row = NULL;

  if (item != NULL)
    return g_object_ref (item);

  row = g_variant_get_child_value (page->rows, index);
  item = lamp_event_item_new (row);
  g_object_weak_ref (G_OBJECT (item), item_gone_cb, self);
  remember_item (self, item, event_id);

  return item;
}

static LampEventItem *
blank_for_position (LampEventList *self,
                    guint          position)
{
  Blank blank = { NULL, position };

  for (guint i = 0; i < self->blanks->len; i++)
    if (g_array_index (self->blanks, Blank, i).position == position)
      return g_object_ref (g_array_index (self->blanks, Blank, i).item);

  blank.item = lamp_event_item_new (NULL);
  g_object_weak_ref (G_OBJECT (blank.item), item_gone_cb, self);
  g_array_append_val (self->blanks, blank);
  pump_later (self);

  return blank.item;
}

/* Those who look at the rows of a page are told of what has come. */
static void
fill_page (LampEventList *self,
           LampEventPage *page)
{
  guint i = 0;

  while (i < self->blanks->len)
    {
      Blank blank = g_array_index (self->blanks, Blank, i);
      g_autoptr (GVariant) row = NULL;
      const char *event_id;

      if (blank.position < page->start || blank.position >= lamp_event_page_get_end (page))
        {
          i++;
          continue;
        }

      row = g_variant_get_child_value (page->rows, blank.position - page->start);
      event_id = page->ids[blank.position - page->start];
      g_array_remove_index (self->blanks, i);
      /* Of an event that moved here while its old item is still shown there is a second one. */
      if (!g_hash_table_contains (self->live, event_id))
        remember_item (self, blank.item, event_id);
      else
        g_object_weak_unref (G_OBJECT (blank.item), item_gone_cb, self);
      lamp_event_item_set_row (blank.item, row);
      i = 0;
    }

  for (i = 0; i < page->length; i++)
    {
      LampEventItem *item = g_hash_table_lookup (self->live, page->ids[i]);

      if (item != NULL)
        {
          g_autoptr (GVariant) row = g_variant_get_child_value (page->rows, i);

          lamp_event_item_set_row (item, row);
        }
    }
}

static gboolean
is_in_use (LampEventList       *self,
           const LampEventPage *page)
{
  for (guint i = 0; i < page->length; i++)
    if (g_hash_table_contains (self->live, page->ids[i]))
      return TRUE;

  return FALSE;
}

/* --- pages and the gaps between them ------------------------------------ */

static LampEventPage *
get_page (LampEventList *self,
          guint          index)
{
  g_assert (index < self->pages->len);

  return g_ptr_array_index (self->pages, index);
}

/* Returns the index of the first page that ends behind a position. */
static guint
find_page (LampEventList *self,
           guint          position)
{
  guint low = 0;
  guint high = self->pages->len;

  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (lamp_event_page_get_end (g_ptr_array_index (self->pages, middle)) > position)
        high = middle;
      else
        low = middle + 1;
    }

  return low;
}

/* The gap above a page; above no page, the one at the end. */
static guint
get_gap_start (LampEventList *self,
               guint          index)
{
  return index == 0 ? 0 : lamp_event_page_get_end (get_page (self, index - 1));
}

static guint
get_gap_end (LampEventList *self,
             guint          index)
{
  return index < self->pages->len ? get_page (self, index)->start : self->n_items;
}

static void
add_page (LampEventList *self,
          guint          index,
          LampEventPage *page)
{
  page->used = ++self->counter;
  g_ptr_array_insert (self->pages, (int) index, page);
}

/* Tells of rows that came and went; the pages from @index on move. What is told must be true
 * by then, but for those places. */
static void
change (LampEventList *self,
        guint          index,
        guint          position,
        guint          removed,
        guint          added)
{
  if (removed == 0 && added == 0)
    return;

  for (; index < self->pages->len; index++)
    get_page (self, index)->start += added - removed;

  for (guint i = self->blanks->len; i > 0; i--)
    {
      Blank *blank = &g_array_index (self->blanks, Blank, i - 1);

      if (blank->position >= position + removed)
        {
          blank->position += added - removed;
        }
      else if (blank->position >= position)
        {
          /* Whoever shows it asks anew. */
          g_object_weak_unref (G_OBJECT (blank->item), item_gone_cb, self);
          g_array_remove_index (self->blanks, i - 1);
        }
    }

  self->n_items += added - removed;
  g_list_model_items_changed (G_LIST_MODEL (self), position, removed, added);
  if (added != removed)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_N_ITEMS]);
}

/* The page becomes part of the gap around it. */
static void
drop_page (LampEventList *self,
           guint          index,
           gboolean       shown)
{
  LampEventPage *page = get_page (self, index);
  guint start = page->start;
  guint length = page->length;

  g_ptr_array_remove_index (self->pages, index);
  if (shown)
    change (self, self->pages->len, start, length, length);
}

static void
forget_unused_pages (LampEventList *self)
{
  while (self->pages->len > PAGES_MAX)
    {
      int oldest = -1;

      for (guint i = 0; i < self->pages->len; i++)
        if (!is_in_use (self, get_page (self, i)) &&
            (oldest < 0 || get_page (self, i)->used < get_page (self, (guint) oldest)->used))
          oldest = (int) i;

      if (oldest < 0)
        return;

      drop_page (self, (guint) oldest, FALSE);
    }
}

/* How many rows there may be between two pages, going by their ids. */
static guint
get_room (LampEventList *self,
          guint          index)
{
  gint64 before = index < self->pages->len ? get_page (self, index)->before : LOWEST_ID;
  gint64 after;

  if (index == 0)
    return before != 0 ? G_MAXINT : 0;

  after = get_page (self, index - 1)->after;

  return after != 0 ? (guint) CLAMP (after - before, 0, G_MAXINT) : 0;
}

/* Makes the gap above a page agree with the ids at both its ends: pages that meet have none,
 * and where rows may be missing there is one. */
static void
mend_gap (LampEventList *self,
          guint          index)
{
  guint start;
  guint length;
  guint room;

  while (index > 0 && index < self->pages->len &&
         get_page (self, index)->before > get_page (self, index - 1)->after)
    drop_page (self, index, TRUE);

  start = get_gap_start (self, index);
  length = get_gap_end (self, index) - start;
  room = get_room (self, index);
  if (length > room)
    change (self, index, start + room, length - room, 0);
  else if (length == 0 && room > 0)
    change (self, index, start, 0, 1);
}

static void
shrink_gaps (LampEventList *self,
             guint          excess)
{
  for (guint i = self->pages->len + 1; i > 0 && excess > 0; i--)
    {
      guint start = get_gap_start (self, i - 1);
      guint length = get_gap_end (self, i - 1) - start;
      guint kept = self->pages->len > 0 && get_room (self, i - 1) > 0 ? 1 : 0;
      guint removed = MIN (excess, length > kept ? length - kept : 0);

      change (self, i - 1, start + length - removed, removed, 0);
      excess -= removed;
    }
}

/* New rows go to the top unless that is in view, and then the page there has them already. */
static void
widen_gaps (LampEventList *self,
            guint          lack)
{
  /* The counters are told a little later than the rows. */
  if (self->empty)
    return;

  for (guint i = 0; i <= self->pages->len && lack > 0; i++)
    {
      /* Behind the top the rows are most likely at the end. */
      guint index = i == 0 ? 0 : self->pages->len + 1 - i;
      guint end = get_gap_end (self, index);
      guint length = end - get_gap_start (self, index);
      guint room = self->pages->len == 0 ? G_MAXINT : get_room (self, index);
      guint added = MIN (lack, room > length ? room - length : 0);

      change (self, index, index == 0 ? 0 : end, 0, added);
      lack -= added;
    }
}

/* --- the number of rows ------------------------------------------------- */

gboolean
lamp_event_list_is_filtered (LampEventList *self)
{
  g_return_val_if_fail (LAMP_IS_EVENT_LIST (self), FALSE);

  return self->mission_id != NULL || self->event_type != NULL || self->text != NULL;
}

static guint
get_count (LampEventList *self)
{
  LampBusAgent1 *agent = lamp_client_get_proxy (self->client);
  guint64 count = 0;

  if (g_str_equal (self->status, "pending"))
    count = lamp_bus_agent1_get_pending (agent);
  else if (g_str_equal (self->status, "failed"))
    count = lamp_bus_agent1_get_failed (agent);
  else
    count = lamp_bus_agent1_get_delivered (agent);

  return (guint) MIN (count, G_MAXINT);
}

/* With a filter there is one row more than is known, as long as there may be one: whoever
 * comes to it makes the list grow. */
static guint
get_wanted_length (LampEventList *self)
{
  const LampEventPage *last;

  if (!lamp_event_list_is_filtered (self))
    return get_count (self);

  if (self->pages->len == 0)
    return self->n_items;

  last = get_page (self, self->pages->len - 1);

  return lamp_event_page_get_end (last) + (last->after != 0 ? 1 : 0);
}

static void
adapt_length (LampEventList *self)
{
  guint wanted = get_wanted_length (self);

  /* The counters may be newer than the pages; those tell where the difference lies. */
  if (self->stale)
    return;

  if (wanted > self->n_items)
    widen_gaps (self, wanted - self->n_items);
  else if (wanted < self->n_items)
    shrink_gaps (self, self->n_items - wanted);
}

static void
set_ready (LampEventList *self,
           gboolean       ready)
{
  if (self->ready == ready)
    return;

  self->ready = ready;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_READY]);
}

/* --- what has come ------------------------------------------------------ */

/* Of rows that reach into the page below only those above it are new. */
static GVariant *
cut_at_page (LampEventList *self,
             guint          index,
             GVariant      *rows,
             gint64        *next)
{
  const LampEventPage *below = NULL;
  int meeting;

  if (index == self->pages->len)
    return g_variant_ref (rows);

  below = get_page (self, index);
  meeting = lamp_event_rows_find (rows, below->ids[0]);
  if (meeting < 0)
    return g_variant_ref (rows);

  *next = below->before;

  return lamp_event_rows_cut (rows, (guint) meeting);
}

/* Puts a page into the gap above the page at @index. */
static void
place_rows (LampEventList *self,
            guint          index,
            guint          start,
            gint64         before,
            gint64         after,
            GVariant      *rows)
{
  LampEventPage *page = lamp_event_page_new (start, before, after, rows);
  guint room = get_gap_end (self, index) - start;

  if (page->length == 0)
    {
      lamp_event_page_free (page);
      return;
    }

  if (page->length > room)
    change (self, index, start + room, 0, page->length - room);

  add_page (self, index, page);
  fill_page (self, page);
}

static void
came_forward (LampEventList *self,
              GVariant      *all,
              gint64         next)
{
  guint index = self->place;
  g_autoptr (GVariant) rows = cut_at_page (self, index, all, &next);
  LampEventPage *above = index > 0 ? get_page (self, index - 1) : NULL;

  if (g_variant_n_children (rows) > 0)
    {
      place_rows (self, index, get_gap_start (self, index), self->cursor, next, rows);
      mend_gap (self, index + 1);
    }
  else if (above != NULL)
    {
      above->after = next;
      mend_gap (self, index);
    }
  else if (self->pages->len == 0)
    {
      self->empty = TRUE;
      change (self, 0, 0, self->n_items, 0);
    }
  else
    {
      get_page (self, 0)->before = 0;
      mend_gap (self, 0);
    }
}

static void
came_backward (LampEventList *self,
               GVariant      *all)
{
  guint index = self->place;
  LampEventPage *below = get_page (self, index);
  int meeting = lamp_event_rows_find (all, below->ids[0]);
  g_autoptr (GVariant) rows = NULL;
  guint start;

  if (meeting < 0)
    {
      /* Too far up, or the row has gone. */
      if (self->reach > 1)
        self->reach = MAX (1, MIN (self->reach, REACH_MAX) / 4);
      else
        drop_page (self, index, TRUE);
      return;
    }

  if (meeting == 0)
    {
      self->reach *= 4;
      below->before = self->cursor;
      mend_gap (self, index);
      return;
    }

  self->reach = 0;
  rows = lamp_event_rows_cut (all, (guint) meeting);
  start = get_gap_start (self, index);
  if (below->start - start > (guint) meeting)
    start = below->start - (guint) meeting;
  place_rows (self, index, start, self->cursor, below->before, rows);
  mend_gap (self, index);
}

static void
came_jump (LampEventList *self,
           GVariant      *all,
           gint64         next)
{
  guint index = find_page (self, self->place);
  g_autoptr (GVariant) rows = cut_at_page (self, index, all, &next);
  guint length = (guint) g_variant_n_children (rows);
  guint start = get_gap_start (self, index);
  guint end = get_gap_end (self, index);

  if (length == 0)
    {
      /* Nothing lies between: the guess was too low. */
      if (index < self->pages->len && next == get_page (self, index)->before)
        {
          get_page (self, index)->before = self->cursor;
          mend_gap (self, index);
        }
      return;
    }

  if (self->place > start)
    start = MIN (self->place, MAX (start, end > length ? end - length : 0));
  place_rows (self, index, start, self->cursor, next, rows);
  mend_gap (self, index + 1);
  mend_gap (self, index);
}

/* The page that is last has nothing below it. */
static void
end_list (LampEventList *self)
{
  self->bottom_high = 0;
  get_page (self, self->pages->len - 1)->after = 0;
  mend_gap (self, self->pages->len);
}

static void
came_bottom (LampEventList *self,
             GVariant      *rows,
             gint64         next)
{
  guint length = (guint) g_variant_n_children (rows);
  guint start = get_gap_start (self, self->pages->len);

  if (next != 0)
    {
      self->bottom_high = next;
    }
  else if (length == 0)
    {
      self->bottom_low = self->cursor;
      if (self->bottom_low + 1 >= self->bottom_high)
        end_list (self);
    }
  else
    {
      self->bottom_high = 0;
      if (self->n_items - start > length)
        start = self->n_items - length;
      place_rows (self, self->pages->len, start, self->cursor, 0, rows);
      mend_gap (self, self->pages->len);
      mend_gap (self, self->pages->len - 1);
    }
}

/* Tells of the rows that are different, without those that are the same before and behind. */
static void
replace_rows (LampEventList *self,
              guint          index,
              GVariant      *rows,
              gint64         after)
{
  g_autoptr (LampEventPage) old = get_page (self, index);
  LampEventPage *page = lamp_event_page_new (old->start, old->before, after, rows);
  guint shorter = MIN (page->length, old->length);
  guint same = 0;
  guint same_end = 0;

  page->used = old->used;
  self->pages->pdata[index] = page;
  while (same < shorter && g_str_equal (page->ids[same], old->ids[same]))
    same++;
  while (same_end < shorter - same &&
         g_str_equal (page->ids[page->length - 1 - same_end], old->ids[old->length - 1 - same_end]))
    same_end++;

  change (self, index + 1, page->start + same, old->length - same - same_end,
          page->length - same - same_end);
  fill_page (self, page);
}

static void
came_refresh (LampEventList *self,
              GVariant      *all,
              gint64         next)
{
  guint index = self->place;
  const LampEventPage *page = get_page (self, index);
  g_autoptr (GVariant) above = cut_at_page (self, index + 1, all, &next);
  g_autoptr (GVariant) rows = NULL;
  int last = lamp_event_rows_find (above, page->ids[page->length - 1]);

  /* With the last row the page has its old end. */
  if (last >= 0)
    {
      rows = lamp_event_rows_cut (above, (guint) last + 1);
      next = page->after;
    }
  else
    {
      rows = g_variant_ref (above);
    }

  replace_rows (self, index, rows, next);
  if (get_page (self, index)->length > 0)
    {
      mend_gap (self, index + 1);
      return;
    }

  drop_page (self, index, FALSE);
  if (index > 0)
    get_page (self, index - 1)->after = next;
  mend_gap (self, index);
}

static void
came (LampEventList *self,
      GVariant      *rows,
      gint64         next)
{
  switch (self->fetch)
    {
    case FETCH_REFRESH:
      came_refresh (self, rows, next);
      break;
    case FETCH_FORWARD:
      came_forward (self, rows, next);
      break;
    case FETCH_BACKWARD:
      came_backward (self, rows);
      break;
    case FETCH_JUMP:
      came_jump (self, rows, next);
      break;
    case FETCH_BOTTOM:
      came_bottom (self, rows, next);
      break;
    case FETCH_NONE:
    default:
      g_assert_not_reached ();
    }
}

static void
listed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampEventList) self = LAMP_EVENT_LIST (user_data);
  g_autoptr (GVariant) rows = NULL;
  g_autoptr (GError) error = NULL;
  gint64 next = 0;

  lamp_bus_agent1_call_list_finish (LAMP_BUS_AGENT1 (source), &rows, &next, result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  if (rows == NULL)
    {
      /* The agent went away, and when it is back everything is asked for again; or its queue
       * can't be read, and then its properties change. */
      g_debug ("%s events: %s", self->status, error->message);
      self->fetch = FETCH_NONE;
      return;
    }

  came (self, rows, next);
  self->fetch = FETCH_NONE;
  adapt_length (self);
  forget_unused_pages (self);
  set_ready (self, TRUE);
  pump_later (self);
}

/* --- what to ask for ---------------------------------------------------- */

static void
fetch (LampEventList *self,
       FetchKind      kind,
       gint64         cursor,
       guint          limit,
       guint          place)
{
  g_auto (GVariantDict) filter = G_VARIANT_DICT_INIT (NULL);

  g_assert (self->fetch == FETCH_NONE);

  self->fetch = kind;
  self->cursor = cursor;
  self->limit = limit;
  self->place = place;

  g_variant_dict_insert (&filter, "status", "s", self->status);
  if (self->mission_id != NULL)
    g_variant_dict_insert (&filter, "mission_id", "s", self->mission_id);
  if (self->event_type != NULL)
    g_variant_dict_insert (&filter, "event_type", "s", self->event_type);
  if (self->text != NULL)
    g_variant_dict_insert (&filter, "text", "s", self->text);

  lamp_bus_agent1_call_list (lamp_client_get_proxy (self->client), g_variant_dict_end (&filter),
                             cursor, limit, self->cancel, listed_cb, g_object_ref (self));
}

/* Returns whether a page was out of date. */
static gboolean
fetch_dirty_page (LampEventList *self)
{
  for (guint i = 0; i < self->pages->len; i++)
    {
      LampEventPage *page = get_page (self, i);
      guint more = 0;

      if (!page->dirty)
        continue;

      /* At the top new rows are expected, and the page grows with them. */
      if (page->before == 0)
        more = PAGE_ROWS;
      fetch (self, FETCH_REFRESH, page->before, MIN (page->length + more, PAGE_ROWS_MAX), i);
      return TRUE;
    }

  return FALSE;
}

static void
fetch_backward (LampEventList *self,
                guint          index)
{
  const LampEventPage *below = get_page (self, index);
  const LampEventPage *above = index > 0 ? get_page (self, index - 1) : NULL;
  gint64 cursor;

  if (self->reach < 1)
    self->reach = PAGE_ROWS * lamp_event_page_get_density (below);

  cursor = below->before + (gint64) self->reach;
  if (above != NULL)
    cursor = MIN (cursor, above->after);
  else if (self->reach > REACH_MAX)
    cursor = 0;
  fetch (self, FETCH_BACKWARD, cursor, 2 * PAGE_ROWS, index);
}

/* The oldest rows: with an id for each row the first guess is right, else each answer halves what
 * is left. */
static void
fetch_bottom (LampEventList *self)
{
  guint gap = self->n_items - get_gap_start (self, self->pages->len);
  gint64 cursor;

  if (self->bottom_high == 0)
    {
      self->bottom_low = LOWEST_ID;
      self->bottom_high = get_page (self, self->pages->len - 1)->after;
      cursor = self->bottom_high - (gint64) gap + PAGE_ROWS;
    }
  else
    {
      cursor = self->bottom_low + (self->bottom_high - self->bottom_low) / 2;
    }

  fetch (self, FETCH_BOTTOM, CLAMP (cursor, self->bottom_low + 1, self->bottom_high), PAGE_ROWS, 0);
}

/* Between two pages ids are taken as evenly spread. */
static void
fetch_jump (LampEventList *self,
            guint          index,
            guint          position)
{
  const LampEventPage *above = index > 0 ? get_page (self, index - 1) : NULL;
  const LampEventPage *below = get_page (self, index);
  guint start = get_gap_start (self, index);
  guint end = get_gap_end (self, index);
  guint target = position > start + PAGE_ROWS / 2 ? position - PAGE_ROWS / 2 : start;
  double cursor;

  if (above == NULL)
    cursor = (double) below->before + lamp_event_page_get_density (below) * (end - target);
  else
    cursor = (double) above->after -
             (double) (above->after - below->before) * (target - start) / (end - start);
  cursor = MAX (cursor, (double) below->before + 1);

  fetch (self, FETCH_JUMP, (gint64) cursor, PAGE_ROWS, target);
}

static void
fetch_position (LampEventList *self,
                guint          position)
{
  guint index = find_page (self, position);
  guint start = get_gap_start (self, index);
  guint end = get_gap_end (self, index);

  if (self->pages->len == 0 || position - start < PAGE_ROWS)
    fetch (self, FETCH_FORWARD, index > 0 ? get_page (self, index - 1)->after : 0, PAGE_ROWS,
           index);
  else if (index == self->pages->len)
    fetch_bottom (self);
  else if (end - position <= PAGE_ROWS)
    fetch_backward (self, index);
  else
    fetch_jump (self, index, position);
}

/* Pages that nobody looks at are forgotten when something has changed, the others read again. */
static void
mark_pages (LampEventList *self)
{
  self->stale = FALSE;
  self->bottom_high = 0;
  self->reach = 0;
  for (guint i = self->pages->len; i > 0; i--)
    {
      LampEventPage *page = get_page (self, i - 1);

      page->dirty = TRUE;
      if (!is_in_use (self, page))
        drop_page (self, i - 1, FALSE);
    }
}

static void
pump (LampEventList *self)
{
  if (self->fetch != FETCH_NONE || !lamp_client_get_available (self->client))
    return;

  if (self->stale && self->refresh_id == 0)
    mark_pages (self);

  if (fetch_dirty_page (self))
    return;

  adapt_length (self);
  if (self->blanks->len > 0)
    fetch_position (self, g_array_index (self->blanks, Blank, self->blanks->len - 1).position);
  else if (lamp_event_list_is_filtered (self) && self->pages->len == 0 && !self->ready)
    fetch (self, FETCH_FORWARD, 0, PAGE_ROWS, 0);
}

static gboolean
pump_cb (gpointer user_data)
{
  LampEventList *self = user_data;

  self->pump_id = 0;
  pump (self);

  return G_SOURCE_REMOVE;
}

/* Not at once: a view is not to be told of rows while it asks for one. */
static void
pump_later (LampEventList *self)
{
  if (self->pump_id == 0)
    self->pump_id = g_idle_add (pump_cb, self);
}

/* --- what changes ------------------------------------------------------- */

static gboolean
refresh_cb (gpointer user_data)
{
  LampEventList *self = user_data;

  self->refresh_id = 0;
  /* A filter that found nothing may find something now. */
  if (lamp_event_list_is_filtered (self) && self->pages->len == 0)
    self->ready = FALSE;
  pump_later (self);

  return G_SOURCE_REMOVE;
}

static void
refresh (LampEventList *self)
{
  self->stale = TRUE;
  self->empty = FALSE;
  if (self->refresh_id == 0)
    self->refresh_id = g_timeout_add (lamp_event_list_is_filtered (self)
                                        ? REFRESH_FILTER_INTERVAL_MS
                                        : REFRESH_INTERVAL_MS,
                                      refresh_cb, self);
}

static void
reset (LampEventList *self)
{
  guint removed = self->n_items;

  g_cancellable_cancel (self->cancel);
  g_clear_object (&self->cancel);
  self->cancel = g_cancellable_new ();
  self->fetch = FETCH_NONE;
  self->empty = FALSE;
  self->stale = FALSE;
  self->bottom_high = 0;
  self->reach = 0;
  g_ptr_array_set_size (self->pages, 0);
  change (self, 0, 0, removed, 0);
  set_ready (self, FALSE);

  if (!lamp_client_get_available (self->client))
    return;

  adapt_length (self);
  set_ready (self, !lamp_event_list_is_filtered (self));
  pump_later (self);
}

/* What may have changed this list: rows come from one status and go to another. */
static void
signal_cb (LampEventList *self,
           const char    *sender,
           const char    *name)
{
  gboolean pending = g_str_equal (self->status, "pending");

  if (g_str_equal (name, "EventQueued") ? pending
      : g_str_equal (name, "EventsDelivered")
        ? !g_str_equal (self->status, "failed")
        : g_str_equal (name, "EventsFailed") && !g_str_equal (self->status, "delivered"))
    refresh (self);
}

/* --- the model ---------------------------------------------------------- */

static GType
lamp_event_list_get_item_type (GListModel *model)
{
  return LAMP_TYPE_EVENT_ITEM;
}

static guint
lamp_event_list_get_n_items (GListModel *model)
{
  return LAMP_EVENT_LIST (model)->n_items;
}

static gpointer
lamp_event_list_get_item (GListModel *model,
                          guint       position)
{
  LampEventList *self = LAMP_EVENT_LIST (model);
  guint index = find_page (self, position);
  LampEventPage *page = NULL;

  if (position >= self->n_items)
    return NULL;

  if (position < get_gap_end (self, index))
    return blank_for_position (self, position);

  page = get_page (self, index);

  page->used = ++self->counter;

  return item_for_row (self, page, position - page->start);
}

static void
lamp_event_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = lamp_event_list_get_item_type;
  iface->get_n_items = lamp_event_list_get_n_items;
  iface->get_item = lamp_event_list_get_item;
}

/* --- the object --------------------------------------------------------- */

static void
forget_items (LampEventList *self)
{
  GHashTableIter iter;
  gpointer item;

  g_hash_table_iter_init (&iter, self->names);
  while (g_hash_table_iter_next (&iter, &item, NULL))
    g_object_weak_unref (item, item_gone_cb, self);
  g_hash_table_remove_all (self->names);
  g_hash_table_remove_all (self->live);

  for (guint i = 0; i < self->blanks->len; i++)
    g_object_weak_unref (G_OBJECT (g_array_index (self->blanks, Blank, i).item), item_gone_cb,
                         self);
  g_array_set_size (self->blanks, 0);
}

static void
lamp_event_list_dispose (GObject *object)
{
  LampEventList *self = LAMP_EVENT_LIST (object);

  g_cancellable_cancel (self->cancel);
  g_clear_handle_id (&self->refresh_id, g_source_remove);
  g_clear_handle_id (&self->pump_id, g_source_remove);
  forget_items (self);
  g_clear_object (&self->client);

  G_OBJECT_CLASS (lamp_event_list_parent_class)->dispose (object);
}

static void
lamp_event_list_finalize (GObject *object)
{
  LampEventList *self = LAMP_EVENT_LIST (object);

  g_clear_object (&self->cancel);
  g_ptr_array_unref (self->pages);
  g_array_unref (self->blanks);
  g_hash_table_unref (self->live);
  g_hash_table_unref (self->names);
  g_free (self->status);
  g_free (self->mission_id);
  g_free (self->event_type);
  g_free (self->text);

  G_OBJECT_CLASS (lamp_event_list_parent_class)->finalize (object);
}

static void
lamp_event_list_get_property (GObject    *object,
                              guint       prop_id,
                              GValue     *value,
                              GParamSpec *pspec)
{
  LampEventList *self = LAMP_EVENT_LIST (object);

  switch (prop_id)
    {
    case PROP_N_ITEMS:
      g_value_set_uint (value, self->n_items);
      break;
    case PROP_READY:
      g_value_set_boolean (value, self->ready);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_event_list_class_init (LampEventListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_event_list_dispose;
  object_class->finalize = lamp_event_list_finalize;
  object_class->get_property = lamp_event_list_get_property;

  /**
   * LampEventList:n-items:
   *
   * The number of items, as of g_list_model_get_n_items().
   */
  props[PROP_N_ITEMS] = g_param_spec_uint ("n-items", NULL, NULL, 0, G_MAXUINT, 0,
                                           G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY |
                                             G_PARAM_STATIC_STRINGS);

  /**
   * LampEventList:ready:
   *
   * As of lamp_event_list_is_ready().
   */
  props[PROP_READY] = g_param_spec_boolean ("ready", NULL, NULL, FALSE,
                                            G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY |
                                              G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
lamp_event_list_init (LampEventList *self)
{
  self->cancel = g_cancellable_new ();
  self->pages = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_page_free);
  self->blanks = g_array_new (FALSE, FALSE, sizeof (Blank));
  self->live = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->names = g_hash_table_new (NULL, NULL);
}

LampEventList *
lamp_event_list_new (LampClient *client,
                     const char *status)
{
  LampEventList *self = NULL;
  g_autofree char *property = NULL;
  LampBusAgent1 *agent;

  g_return_val_if_fail (LAMP_IS_CLIENT (client), NULL);
  g_return_val_if_fail (status != NULL, NULL);

  self = g_object_new (LAMP_TYPE_EVENT_LIST, NULL);
  self->client = g_object_ref (client);
  self->status = g_strdup (status);
  agent = lamp_client_get_proxy (client);
  property = g_strconcat ("notify::", status, NULL);
  g_signal_connect_object (agent, property, G_CALLBACK (refresh), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (agent, "g-signal", G_CALLBACK (signal_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "notify::available", G_CALLBACK (reset), self,
                           G_CONNECT_SWAPPED);
  reset (self);

  return self;
}

static char *
dup_filter (const char *text)
{
  return text != NULL && *text != '\0' ? g_strdup (text) : NULL;
}

void
lamp_event_list_set_filter (LampEventList *self,
                            const char    *mission_id,
                            const char    *event_type,
                            const char    *text)
{
  g_autofree char *new_mission_id = dup_filter (mission_id);
  g_autofree char *new_event_type = dup_filter (event_type);
  g_autofree char *new_text = dup_filter (text);

  g_return_if_fail (LAMP_IS_EVENT_LIST (self));

  if (g_strcmp0 (self->mission_id, new_mission_id) == 0 &&
      g_strcmp0 (self->event_type, new_event_type) == 0 && g_strcmp0 (self->text, new_text) == 0)
    return;

  g_free (self->mission_id);
  g_free (self->event_type);
  g_free (self->text);
  self->mission_id = g_steal_pointer (&new_mission_id);
  self->event_type = g_steal_pointer (&new_event_type);
  self->text = g_steal_pointer (&new_text);
  reset (self);
}

gboolean
lamp_event_list_is_ready (LampEventList *self)
{
  g_return_val_if_fail (LAMP_IS_EVENT_LIST (self), FALSE);

  return self->ready;
}
