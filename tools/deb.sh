#!/bin/sh
# Makes build/siprouter_VERSION_ARCH.deb from build/siprouter.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n "s/^ *version: '\([^']*\)'.*/\1/p" meson.build | head -n 1)
arch=$(dpkg --print-architecture)
stage=$PWD/build/deb
rm -rf "$stage"
DESTDIR=$stage PREFIX=/usr tools/install.sh
# postinst makes the folders, with the rights of the service's user
rmdir "$stage/var/lib/siprouter" "$stage/var/lib" "$stage/var" "$stage/etc/siprouter" "$stage/etc"

# the packages that own the libraries the program is linked with
depends=
for library in $(ldd build/siprouter | awk '/=> \// { print $3 }'); do
    path=$(readlink -f "$library")
    # the database may know a library by its place before /lib and /usr/lib became one
    package=$(dpkg-query -S "$path" "${path#/usr}" 2>/dev/null | head -n 1 | cut -d: -f1)
    [ -n "$package" ] || continue
    case " $depends " in
    *" $package, "*) ;;
    *) depends="$depends$package, " ;;
    esac
done

mkdir -p "$stage/DEBIAN"
cat >"$stage/DEBIAN/control" <<END
Package: siprouter
Version: $version
Architecture: $arch
Maintainer: siprouter contributors <siprouter@localhost>
Section: comm
Priority: optional
Depends: ${depends}tzdata, adduser
Description: one program between SIP providers, phones and browsers
 Registrar, B2BUA and media hub with a REST interface and web pages.
END
cat >"$stage/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    adduser --system --group --home /var/lib/siprouter --no-create-home --quiet siprouter
    install -d -m 750 -o siprouter -g siprouter /etc/siprouter /var/lib/siprouter
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload || true
    fi
fi
END
cat >"$stage/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now siprouter.service || true
fi
END
chmod 755 "$stage/DEBIAN/postinst" "$stage/DEBIAN/prerm"
dpkg-deb --root-owner-group --build "$stage" "build/siprouter_${version}_$arch.deb" >/dev/null
echo "build/siprouter_${version}_$arch.deb"
