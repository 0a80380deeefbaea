/// Snapshots of a pod's workspace: what another pod needs to go on where this one was lost.
///
/// A snapshot has, of each clone in the workspace that changed since the one before, its references, settings and a pack of
/// the objects that neither the mirror nor an earlier snapshot has, with a commit of the whole work tree. Ignored files
/// and what lies outside of clones are not in it. It is a tar of folders and files:
///
///     clones              the names of all clones
///     commands            the records of commands
///     NAME/git/           HEAD, refs, packed-refs, config and the path of the mirror
///     NAME/commit         the commit of the work tree
///     NAME/pack-NUMBER    the objects
enum PodSnapshots {
    /// The most bytes of one snapshot, and of all that are kept of a task.
    static let limit = 256 << 20
    /// After so many, the next begins anew with all that the mirror does not have.
    static let longestChain = 100

    private static let environment = """
        export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0 LC_ALL=C
        state=$HOME/.swe-agent

        """

    /// Writes a snapshot to standard output, or nothing where nothing has changed. `$1` is the number of the snapshot,
    /// `$2` that of the one before, which the host has; 0 for none.
    static let take =
        environment + #"""
            out=$state/out
            rm -rf -- "$out" && mkdir -p -- "$out" || exit
            changed=
            cd -- "$0" || exit
            for git in */.git; do
                name=${git%/.git}
                case $name in '*' | *[!A-Za-z0-9._-]*) continue ;; esac
                if [ ! -d "$git" ] || [ -h "$git" ] || [ -h "$name" ]; then continue; fi
                echo "$name" >>"$out/clones"
                (
                    cd -- "$name" && export GIT_DIR=.git GIT_WORK_TREE=. GIT_INDEX_FILE=.git/swe-agent.snapshot || exit 1
                    quiet="-c core.fsmonitor=false -c core.hooksPath=/dev/null -c advice.addEmbeddedRepo=false -c gc.auto=0"
                    rm -f -- "$GIT_INDEX_FILE.lock"
                    [ -e "$GIT_INDEX_FILE" ] || cp -- .git/index "$GIT_INDEX_FILE" 2>/dev/null
                    git $quiet add --all --ignore-errors . >/dev/null 2>&1
                    tree=$(git write-tree) || exit 1
                    now="$tree $(git for-each-ref --format='%(objectname)%(refname)' refs/heads refs/stash) $(cat .git/HEAD)"
                    number= last=
                    [ ! -e .git/swe-agent.last ] || read -r number last <.git/swe-agent.last
                    # One that never reached the host cannot be built upon.
                    [ "${number:-999999999}" -le "$2" ] || last=
                    [ -z "$last" ] || [ "$now" != "$(cat .git/swe-agent.now)" ] || exit 3
                    head=$(git rev-parse --quiet --verify 'HEAD^{commit}')
                    commit=$(GIT_AUTHOR_NAME=s GIT_AUTHOR_EMAIL=s GIT_COMMITTER_NAME=s GIT_COMMITTER_EMAIL=s \
                        git commit-tree "$tree" -m snapshot ${head:+-p "$head"} ${last:+-p "$last"}) || exit 1
                    mkdir -p -- "$out/$name/git/objects/info" || exit 1
                    for file in HEAD refs packed-refs config objects/info/alternates; do
                        [ ! -e ".git/$file" ] || cp -R -- ".git/$file" "$out/$name/git/$file" || exit 1
                    done
                    echo "$commit" >"$out/$name/commit"
                    {
                        echo "$commit"
                        git for-each-ref --format='%(objectname)' refs/heads refs/stash
                        [ -z "$last" ] || echo "^$last"
                        [ ! -e .git/objects/info/alternates ] || while read -r objects; do
                            git --git-dir="${objects%/objects}" for-each-ref --format='^%(objectname)'
                        done <.git/objects/info/alternates
                    } | git pack-objects --revs --thin --local --quiet --stdout >"$out/$name/pack-$1" || exit 1
                    echo "$1 $commit" >.git/swe-agent.last
                    echo "$now" >.git/swe-agent.now
                )
                case $? in 0) changed=1 ;; 3) ;; *) exit 1 ;; esac
            done
            touch "$out/clones"
            # Of a snapshot that never reached the host the list says nothing.
            [ "$(cat "$out/clones")" = "$(cat "$state/clones-$2" 2>/dev/null)" ] || changed=1
            [ -n "$changed" ] || exit 0
            for file in "$state"/clones-*; do [ "$file" = "$state/clones-$2" ] || rm -f -- "$file"; done
            cp -- "$out/clones" "$state/clones-$1"
            cat -- "$3" >"$out/commands" 2>/dev/null
            cd -- "$out" && exec tar -cf - .
            """#

    /// Makes the workspace of the snapshots that come on standard input. `$1` is their size together, `$2` the file of
    /// the records, the others are the size of each.
    static let restore =
        environment + #"""
            set -e
            all=$state/all staging=$state/staging
            rm -rf -- "$staging"
            mkdir -p -- "$staging"
            head -c "$1" >"$all"
            records=$2
            shift 2
            offset=1
            for size; do
                rm -f -- "$staging/clones"
                tail -c "+$offset" "$all" | head -c "$size" | tar -xf - -C "$staging"
                offset=$((offset + size))
            done
            rm -f -- "$all"
            while read -r name; do
                rm -rf -- "$0/$name"
                mkdir -p -- "$0/$name"
                mv -- "$staging/$name/git" "$0/$name/.git"
                mkdir -p -- "$0/$name/.git/objects/pack" "$0/$name/.git/refs/heads"
                cd -- "$0/$name"
                for pack in $(ls "$staging/$name" | sed -n 's/^pack-//p' | sort -n); do
                    git index-pack --stdin --fix-thin <"$staging/$name/pack-$pack" >/dev/null
                done
                git -c core.hooksPath=/dev/null read-tree --reset -u "$(cat "$staging/$name/commit")" >&2
                git reset --quiet || :
            done <"$staging/clones"
            cat -- "$staging/commands" >"$records"
            rm -rf -- "$staging" "$state"/clones-*
            """#
}
