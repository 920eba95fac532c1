/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-guard.h"

#include "lamp-error.h"

#include <sys/stat.h>
#include <unistd.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

static gboolean
check_link (const char *path,
            GError    **error)
{
  GStatBuf info;

  if (g_lstat (path, &info) != 0 || !S_ISLNK (info.st_mode) || info.st_uid == geteuid ())
    return TRUE;

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE,
               _("The queue “%s” can’t be used: it is a symbolic link that somebody else made; "
                 "look at it with “ls -l”, and remove it if you don’t know it"),
               path);

  return FALSE;
}

static gboolean
check_folder (const char *path,
              GError    **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *quoted = NULL;
  GStatBuf info;

  if (g_stat (folder, &info) != 0 || (info.st_mode & S_ISVTX) ||
      !(info.st_mode & (S_IWGRP | S_IWOTH)))
    return TRUE;

  quoted = g_shell_quote (folder);
  g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE,
               _("The queue “%s” can’t be used: others may write to its folder. This mends it: "
                 "chmod go-w %s"),
               path, quoted);

  return FALSE;
}

gboolean
lamp_guard_check (const char *path,
                  GError    **error)
{
  g_return_val_if_fail (path != NULL, FALSE);

  return check_link (path, error) && check_folder (path, error);
}

char *
lamp_guard_dup_target (const char *path)
{
  g_autofree char *folder = NULL;
  g_autofree char *target = NULL;
  GStatBuf info;

  g_return_val_if_fail (path != NULL, NULL);

  if (g_lstat (path, &info) != 0 || !S_ISLNK (info.st_mode) || info.st_uid != geteuid ())
    return g_strdup (path);

  folder = g_path_get_dirname (path);
  target = g_file_read_link (path, NULL);

  return target != NULL ? g_canonicalize_filename (target, folder) : g_strdup (path);
}
