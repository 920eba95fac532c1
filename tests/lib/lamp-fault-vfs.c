/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fault-vfs.h"

#include <string.h>

/* What a file system moves at once, and what a disk does. */
#define BLOCK_SIZE 4096
#define SECTOR_SIZE 512

typedef enum
{
  POINT_OPEN,
  POINT_WRITE,
  POINT_SYNC,
  POINT_TRUNCATE,
  POINT_DELETE,
  POINT_SHM,
} Point;

/* A change of a file that is not on the disk yet. */
typedef struct
{
  gint64 offset;
  GBytes *bytes; /* (owned) (nullable) NULL for a truncate to @offset */
} Change;

/* What a name stands for; counted, because several states of the folder may know it. */
typedef struct
{
  GByteArray *synced; /* (owned) */
  GArray *changes;    /* (owned) of Change, since then */
} Content;

typedef struct
{
  sqlite3_file parent;
  char *name;       /* (owned) (nullable) in the watched folder, NULL for files elsewhere */
  Content *content; /* (owned) (nullable) while there is a model */
  gboolean sync_folder;
  sqlite3_file *real; /* behind this struct */
} FaultFile;

static GMutex lock; /* guards all of the following */
static char *watched;
static gboolean modelled;
static GHashTable *names; /* name → GPtrArray of Content, NULL for absent: its states, of which the
                           * first is on the disk and the last is what programs see */
static guint n_points;
static guint fail_point; /* 0 for none */
static gboolean fail_for_good;
static int fail_code;
static char *failed;    /* (nullable) */
static guint cut_point; /* 0 for none */
static guint32 cut_seed;
static char *cut_folder; /* (nullable) */
static gboolean was_cut;
static guint n_open;
static gboolean wal_forbidden;

static sqlite3_vfs fault_vfs;

static sqlite3_vfs *
real_vfs (void)
{
  return fault_vfs.pAppData;
}

/* --- the model ---------------------------------------------------------- */

static void
clear_change (gpointer data)
{
  g_clear_pointer (&((Change *) data)->bytes, g_bytes_unref);
}

static Content *
content_new (void)
{
  Content *self = g_rc_box_new0 (Content);

  self->synced = g_byte_array_new ();
  self->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_array_set_clear_func (self->changes, clear_change);

  return self;
}

static void
content_clear (gpointer data)
{
  Content *self = data;

  g_byte_array_unref (self->synced);
  g_array_unref (self->changes);
}

static void
content_unref (gpointer data)
{
  if (data != NULL)
    g_rc_box_release_full (data, content_clear);
}

static void
resize (GByteArray *bytes,
        gsize       size)
{
  guint before = bytes->len;

  g_byte_array_set_size (bytes, (guint) size);
  if (size > before)
    memset (bytes->data + before, 0, size - before);
}

static void
put (GByteArray   *to,
     gsize         offset,
     const guint8 *data,
     gsize         size)
{
  if (to->len < offset + size)
    resize (to, offset + size);
  memcpy (to->data + offset, data, size);
}

static void
add_change (Content      *content,
            gint64        offset,
            gconstpointer data,
            gsize         size)
{
  Change change = { offset, data != NULL ? g_bytes_new (data, size) : NULL };

  g_array_append_val (content->changes, change);
}

static void
sync_content (Content *content)
{
  for (guint i = 0; i < content->changes->len; i++)
    {
      const Change *change = &g_array_index (content->changes, Change, i);
      gsize size;
      const guint8 *data = NULL;

      if (change->bytes == NULL)
        {
          resize (content->synced, (gsize) change->offset);
          continue;
        }

      data = g_bytes_get_data (change->bytes, &size);
      put (content->synced, (gsize) change->offset, data, size);
    }

  g_array_set_size (content->changes, 0);
}

/* After a sync that failed the kernel takes what it couldn't write for written: a later sync may
 * succeed without it. Of every two changes the second is lost here. */
static void
lose_changes (Content *content)
{
  for (guint i = content->changes->len; i > 0; i--)
    if (i % 2 == 0 && g_array_index (content->changes, Change, i - 1).bytes != NULL)
      g_array_remove_index (content->changes, i - 1);
}

static void
sync_names (void)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      GPtrArray *states = value;

      g_ptr_array_remove_range (states, 0, states->len - 1);
    }
}

static Content *
current_content (const char *name)
{
  GPtrArray *states = g_hash_table_lookup (names, name);

  return states != NULL ? g_ptr_array_index (states, states->len - 1) : NULL;
}

/* @content: (transfer full) (nullable) */
static void
add_state (const char *name,
           Content    *content)
{
  GPtrArray *states = g_hash_table_lookup (names, name);

  if (states == NULL)
    {
      states = g_ptr_array_new_with_free_func (content_unref);
      g_ptr_array_add (states, NULL);
      g_hash_table_insert (names, g_strdup (name), states);
    }

  g_ptr_array_add (states, content);
}

static void
load_file (const char *name)
{
  g_autofree char *path = g_build_filename (watched, name, NULL);
  g_autofree char *text = NULL;
  Content *content = NULL;
  gsize length;

  if (g_str_has_suffix (name, "-shm") || !g_file_get_contents (path, &text, &length, NULL))
    return;

  content = content_new ();
  g_byte_array_append (content->synced, (const guint8 *) text, (guint) length);
  add_state (name, content);
}

static void
load_folder (void)
{
  g_autoptr (GDir) dir = g_dir_open (watched, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    load_file (name);

  sync_names ();
}

/* A piece that stays on the way lets an earlier change of the same place through, or what was
 * synced, or zeros: every state that the place has had may be the one the disk has. */
static GByteArray *
content_after_cut (const Content *content,
                   GRand         *chance,
                   gsize          piece_size,
                   double         loss)
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, content->synced->data, content->synced->len);
  for (guint i = 0; i < content->changes->len; i++)
    {
      const Change *change = &g_array_index (content->changes, Change, i);
      const guint8 *data = NULL;
      gsize size;
      gsize done = 0;

      if (change->bytes == NULL)
        {
          if (g_rand_double (chance) >= loss)
            resize (bytes, (gsize) change->offset);
          continue;
        }

      data = g_bytes_get_data (change->bytes, &size);
      while (done < size)
        {
          gsize at = (gsize) change->offset + done;
          gsize length = MIN (piece_size - at % piece_size, size - done);

          if (g_rand_double (chance) >= loss)
            put (bytes, at, data + done, length);
          done += length;
        }
    }

  return bytes;
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (a, b);
}

static void
cut (guint32     seed,
     const char *folder)
{
  static const double losses[] = { 0.0, 0.05, 0.3, 0.5, 0.8, 1.0 };
  g_autoptr (GRand) chance = g_rand_new_with_seed (seed);
  g_autoptr (GList) sorted = g_list_sort (g_hash_table_get_keys (names), compare_names);
  gsize piece_size = g_rand_boolean (chance) ? BLOCK_SIZE : SECTOR_SIZE;
  double loss = losses[g_rand_int_range (chance, 0, G_N_ELEMENTS (losses))];

  for (GList *link = sorted; link != NULL; link = link->next)
    {
      GPtrArray *states = g_hash_table_lookup (names, link->data);
      guint state = (guint) g_rand_int_range (chance, 0, (gint32) states->len);
      const Content *content = g_ptr_array_index (states, state);
      g_autofree char *path = g_build_filename (folder, link->data, NULL);
      g_autoptr (GByteArray) bytes = NULL;
      g_autoptr (GError) error = NULL;

      if (content == NULL)
        continue;

      bytes = content_after_cut (content, chance, piece_size, loss);
      g_file_set_contents_full (path, (const char *) bytes->data, bytes->len,
                                G_FILE_SET_CONTENTS_NONE, 0600, &error);
      g_assert_no_error (error);
    }

  was_cut = TRUE;
}

/* --- points ------------------------------------------------------------- */

static int
code_of_point (Point point,
               int   code)
{
  static const int io_errors[] = {
    [POINT_OPEN] = SQLITE_CANTOPEN,       [POINT_WRITE] = SQLITE_IOERR_WRITE,
    [POINT_SYNC] = SQLITE_IOERR_FSYNC,    [POINT_TRUNCATE] = SQLITE_IOERR_TRUNCATE,
    [POINT_DELETE] = SQLITE_IOERR_DELETE, [POINT_SHM] = SQLITE_IOERR_SHMMAP,
  };

  if (code == SQLITE_IOERR)
    return io_errors[point];

  /* What SQLite answers where there is no room for the shared memory. */
  return code == SQLITE_FULL && point == POINT_SHM ? SQLITE_IOERR_SHMSIZE : code;
}

/* @name: (nullable). SQLITE_OK if the call may go on. */
static int
reach (Point       point,
       const char *name)
{
  static const char *const words[] = { "open", "write", "sync", "truncate", "delete", "shm" };

  if (name == NULL)
    return SQLITE_OK;

  n_points++;
  if (cut_point != 0 && n_points == cut_point && !was_cut)
    cut (cut_seed, cut_folder);

  if (was_cut)
    return code_of_point (point, SQLITE_IOERR);

  if (fail_point == 0 || n_points < fail_point || (n_points > fail_point && !fail_for_good))
    return SQLITE_OK;

  if (failed == NULL)
    failed = g_strdup_printf ("%s %s", words[point], name);

  return code_of_point (point, fail_code);
}

static char *
name_in_folder (const char *path)
{
  gsize length = watched != NULL ? strlen (watched) : 0;

  if (length == 0 || path == NULL || strncmp (path, watched, length) != 0 || path[length] != '/' ||
      strchr (path + length + 1, '/') != NULL)
    return NULL;

  return g_strdup (path + length + 1);
}

/* --- files -------------------------------------------------------------- */

static sqlite3_file *
real_of (sqlite3_file *file)
{
  return ((FaultFile *) file)->real;
}

static int
fault_close (sqlite3_file *file)
{
  FaultFile *self = (FaultFile *) file;
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  if (self->name != NULL)
    n_open--;
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->content, content_unref);

  return self->real->pMethods->xClose (self->real);
}

static int
fault_read (sqlite3_file *file,
            void         *data,
            int           size,
            sqlite3_int64 offset)
{
  return real_of (file)->pMethods->xRead (real_of (file), data, size, offset);
}

static int
fault_write (sqlite3_file *file,
             const void   *data,
             int           size,
             sqlite3_int64 offset)
{
  FaultFile *self = (FaultFile *) file;
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  int problem = reach (POINT_WRITE, self->name);
  int code;

  if (was_cut && problem != SQLITE_OK)
    return problem;

  if (problem != SQLITE_OK)
    size /= 2;

  code = self->real->pMethods->xWrite (self->real, data, size, offset);
  if (code == SQLITE_OK && self->content != NULL)
    add_change (self->content, offset, data, (gsize) size);

  return problem != SQLITE_OK ? problem : code;
}

static int
fault_truncate (sqlite3_file *file,
                sqlite3_int64 size)
{
  FaultFile *self = (FaultFile *) file;
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  int code = reach (POINT_TRUNCATE, self->name);

  if (code != SQLITE_OK)
    return code;

  code = self->real->pMethods->xTruncate (self->real, size);
  if (code == SQLITE_OK && self->content != NULL)
    add_change (self->content, size, NULL, 0);

  return code;
}

static int
fault_sync (sqlite3_file *file,
            int           flags)
{
  FaultFile *self = (FaultFile *) file;
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  int code = reach (POINT_SYNC, self->name);

  if (self->name == NULL)
    return self->real->pMethods->xSync (self->real, flags);

  if (code != SQLITE_OK && self->content != NULL)
    lose_changes (self->content);

  if (code != SQLITE_OK || self->content == NULL)
    return code;

  sync_content (self->content);
  if (self->sync_folder)
    sync_names ();
  self->sync_folder = FALSE;

  return SQLITE_OK;
}

static int
fault_file_size (sqlite3_file  *file,
                 sqlite3_int64 *size)
{
  return real_of (file)->pMethods->xFileSize (real_of (file), size);
}

static int
fault_lock (sqlite3_file *file,
            int           level)
{
  return real_of (file)->pMethods->xLock (real_of (file), level);
}

static int
fault_unlock (sqlite3_file *file,
              int           level)
{
  return real_of (file)->pMethods->xUnlock (real_of (file), level);
}

static int
fault_check_reserved_lock (sqlite3_file *file,
                           int          *reserved)
{
  return real_of (file)->pMethods->xCheckReservedLock (real_of (file), reserved);
}

static int
fault_file_control (sqlite3_file *file,
                    int           op,
                    void         *argument)
{
  return real_of (file)->pMethods->xFileControl (real_of (file), op, argument);
}

static int
fault_sector_size (sqlite3_file *file)
{
  return real_of (file)->pMethods->xSectorSize (real_of (file));
}

static int
fault_device_characteristics (sqlite3_file *file)
{
  return real_of (file)->pMethods->xDeviceCharacteristics (real_of (file));
}

static int
fault_shm_map (sqlite3_file   *file,
               int             region,
               int             size,
               int             extend,
               void volatile **memory)
{
  FaultFile *self = (FaultFile *) file;
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  int code = reach (POINT_SHM, self->name);

  if (code != SQLITE_OK)
    return code;

  return self->real->pMethods->xShmMap (self->real, region, size, extend, memory);
}

static int
fault_shm_lock (sqlite3_file *file,
                int           offset,
                int           n,
                int           flags)
{
  return real_of (file)->pMethods->xShmLock (real_of (file), offset, n, flags);
}

static void
fault_shm_barrier (sqlite3_file *file)
{
  real_of (file)->pMethods->xShmBarrier (real_of (file));
}

static int
fault_shm_unmap (sqlite3_file *file,
                 int           delete)
{
  return real_of (file)->pMethods->xShmUnmap (real_of (file), delete);
}

/* Version 2: no memory-mapped reads, which would go past this. */
static const sqlite3_io_methods fault_methods = {
  .iVersion = 2,
  .xClose = fault_close,
  .xRead = fault_read,
  .xWrite = fault_write,
  .xTruncate = fault_truncate,
  .xSync = fault_sync,
  .xFileSize = fault_file_size,
  .xLock = fault_lock,
  .xUnlock = fault_unlock,
  .xCheckReservedLock = fault_check_reserved_lock,
  .xFileControl = fault_file_control,
  .xSectorSize = fault_sector_size,
  .xDeviceCharacteristics = fault_device_characteristics,
  .xShmMap = fault_shm_map,
  .xShmLock = fault_shm_lock,
  .xShmBarrier = fault_shm_barrier,
  .xShmUnmap = fault_shm_unmap,
};

/* Version 1: no shared memory either. */
static const sqlite3_io_methods fault_methods_without_wal = {
  .iVersion = 1,
  .xClose = fault_close,
  .xRead = fault_read,
  .xWrite = fault_write,
  .xTruncate = fault_truncate,
  .xSync = fault_sync,
  .xFileSize = fault_file_size,
  .xLock = fault_lock,
  .xUnlock = fault_unlock,
  .xCheckReservedLock = fault_check_reserved_lock,
  .xFileControl = fault_file_control,
  .xSectorSize = fault_sector_size,
  .xDeviceCharacteristics = fault_device_characteristics,
};

/* --- the VFS ------------------------------------------------------------ */

/* A file that was made past this (the store makes its own) has its bytes on no disk either. */
static void
adopt_file (FaultFile *self)
{
  if (!modelled)
    return;

  if (current_content (self->name) == NULL)
    {
      g_autofree char *path = g_build_filename (watched, self->name, NULL);
      g_autofree char *text = NULL;
      gsize length = 0;

      add_state (self->name, content_new ());
      if (g_file_get_contents (path, &text, &length, NULL) && length > 0)
        add_change (current_content (self->name), 0, text, length);
    }

  self->content = g_rc_box_acquire (current_content (self->name));
}

static int
fault_open (sqlite3_vfs  *vfs,
            const char   *path,
            sqlite3_file *file,
            int           flags,
            int          *out_flags)
{
  FaultFile *self = (FaultFile *) file;
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  g_autofree char *name = name_in_folder (path);
  int code = reach (POINT_OPEN, name);

  memset (self, 0, sizeof *self);
  if (code != SQLITE_OK)
    return code;

  self->real = (sqlite3_file *) (gpointer) (self + 1);
  code = real_vfs ()->xOpen (real_vfs (), path, self->real, flags, out_flags);
  if (code != SQLITE_OK)
    return code;

  self->parent.pMethods = wal_forbidden ? &fault_methods_without_wal : &fault_methods;
  self->name = g_steal_pointer (&name);
  if (self->name == NULL)
    return SQLITE_OK;

  n_open++;
  self->sync_folder = (flags & SQLITE_OPEN_CREATE) != 0 &&
                      (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL |
                                SQLITE_OPEN_SUPER_JOURNAL)) != 0;
  adopt_file (self);

  return SQLITE_OK;
}

static int
fault_delete (sqlite3_vfs *vfs,
              const char  *path,
              int          sync_folder)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  g_autofree char *name = name_in_folder (path);
  int code = reach (POINT_DELETE, name);

  if (code != SQLITE_OK)
    return code;

  code = real_vfs ()->xDelete (real_vfs (), path, name == NULL && sync_folder);
  if (code != SQLITE_OK || name == NULL || !modelled)
    return code;

  if (current_content (name) != NULL)
    add_state (name, NULL);
  if (sync_folder)
    sync_names ();

  return SQLITE_OK;
}

static int
fault_access (sqlite3_vfs *vfs,
              const char  *path,
              int          flags,
              int         *result)
{
  return real_vfs ()->xAccess (real_vfs (), path, flags, result);
}

static int
fault_full_pathname (sqlite3_vfs *vfs,
                     const char  *path,
                     int          size,
                     char        *full)
{
  return real_vfs ()->xFullPathname (real_vfs (), path, size, full);
}

static int
fault_randomness (sqlite3_vfs *vfs,
                  int          size,
                  char        *bytes)
{
  return real_vfs ()->xRandomness (real_vfs (), size, bytes);
}

static int
fault_sleep (sqlite3_vfs *vfs,
             int          microseconds)
{
  return real_vfs ()->xSleep (real_vfs (), microseconds);
}

static int
fault_current_time (sqlite3_vfs *vfs,
                    double      *days)
{
  return real_vfs ()->xCurrentTime (real_vfs (), days);
}

static int
fault_get_last_error (sqlite3_vfs *vfs,
                      int          size,
                      char        *message)
{
  return real_vfs ()->xGetLastError (real_vfs (), size, message);
}

static int
fault_current_time_int64 (sqlite3_vfs   *vfs,
                          sqlite3_int64 *ms)
{
  return real_vfs ()->xCurrentTimeInt64 (real_vfs (), ms);
}

void
lamp_fault_vfs_register (void)
{
  sqlite3_vfs *real = sqlite3_vfs_find (NULL);

  g_return_if_fail (real != &fault_vfs);

  fault_vfs = (sqlite3_vfs){
    .iVersion = 2,
    .szOsFile = (int) sizeof (FaultFile) + real->szOsFile,
    .mxPathname = real->mxPathname,
    .zName = "lamp-fault",
    .pAppData = real,
    .xOpen = fault_open,
    .xDelete = fault_delete,
    .xAccess = fault_access,
    .xFullPathname = fault_full_pathname,
    .xRandomness = fault_randomness,
    .xSleep = fault_sleep,
    .xCurrentTime = fault_current_time,
    .xGetLastError = fault_get_last_error,
    .xCurrentTimeInt64 = fault_current_time_int64,
  };
  g_assert_cmpint (sqlite3_vfs_register (&fault_vfs, TRUE), ==, SQLITE_OK);
}

void
lamp_fault_vfs_watch (const char *folder,
                      gboolean    model)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  g_assert_cmpuint (n_open, ==, 0);
  g_clear_pointer (&watched, g_free);
  g_clear_pointer (&names, g_hash_table_unref);
  g_clear_pointer (&failed, g_free);
  g_clear_pointer (&cut_folder, g_free);
  n_points = 0;
  fail_point = 0;
  cut_point = 0;
  was_cut = FALSE;
  modelled = model && folder != NULL;
  watched = g_strdup (folder);
  if (!modelled)
    return;

  names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                 (GDestroyNotify) g_ptr_array_unref);
  load_folder ();
}

void
lamp_fault_vfs_fail (guint    point,
                     gboolean for_good,
                     int      code)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  g_clear_pointer (&failed, g_free);
  n_points = 0;
  fail_point = point;
  fail_for_good = for_good;
  fail_code = code;
}

void
lamp_fault_vfs_forbid_wal (gboolean forbid)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  wal_forbidden = forbid;
}

void
lamp_fault_vfs_mend (void)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  fail_point = 0;
}

guint
lamp_fault_vfs_get_points (void)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  return n_points;
}

char *
lamp_fault_vfs_dup_failed (void)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  return g_strdup (failed);
}

guint
lamp_fault_vfs_get_open_files (void)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  return n_open;
}

void
lamp_fault_vfs_cut (guint32     seed,
                    const char *folder)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  g_return_if_fail (modelled && !was_cut);

  cut (seed, folder);
}

void
lamp_fault_vfs_cut_at (guint       point,
                       guint32     seed,
                       const char *folder)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  g_return_if_fail (modelled && point > 0);

  n_points = 0;
  cut_point = point;
  cut_seed = seed;
  g_free (cut_folder);
  cut_folder = g_strdup (folder);
}

gboolean
lamp_fault_vfs_was_cut (void)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  return was_cut;
}
