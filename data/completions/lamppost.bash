# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash

_lamppost_ids ()
{
  lamppost list --status "$1" --limit 100 --json 2>/dev/null |
    sed -n 's/.*"event_id" *: *"\([^"]*\)".*/\1/p'
}

_lamppost ()
{
  local commands='emit status list show replay resend discard import export watch login logout
    pause unpause doctor open'
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]-}
  local words=''

  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
    return
  fi

  case $command:$prev in
    list:-s | list:--status | export:-s | export:--status)
      mapfile -t COMPREPLY < <(compgen -W 'pending failed delivered all' -- "$cur")
      return
      ;;
    emit:--option)
      mapfile -t COMPREPLY < <(compgen -S = -W 'correlation_id project_uuid project_slug
        schema_version aggregate_id timestamp data_tier extra' -- "$cur")
      compopt -o nospace
      return
      ;;
  esac

  case $command in
    emit) words='--mission --type --payload --causation-id --option --lines' ;;
    status) words='--json' ;;
    list) words='--status --mission --type --text --limit --json' ;;
    show) words='--json --raw' ;;
    replay) words='--wait' ;;
    resend) words='--all' ;;
    export) words='--status' ;;
    import)
      if [[ $cur != -* ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
      fi
      ;;
  esac

  if [[ $cur != -* ]]; then
    case $command in
      show) words=$(_lamppost_ids all) ;;
      resend | discard) words=$(_lamppost_ids failed) ;;
    esac
  fi

  mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$cur")
}

complete -F _lamppost lamppost
