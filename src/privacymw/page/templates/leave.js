// Links that a program added: a click shows a page that names them.
(() => {
	const { at, own, trust, block } = document.currentScript.dataset;
	const read = (href, base) => {
		try {
			const url = new URL(href, base);
			return /^https?:$/.test(url.protocol) && url;
		} catch {}
	};
	const all = (what) => document.querySelectorAll(what);
	const box = document.getElementById("privacy-target");
	const show = () => {
		const url = read(location.hash.slice(1));
		box.hidden = !url;
		box.nextElementSibling.hidden = url;
		for (const link of all("[hreflang]")) link.hash = location.hash;
		if (!url) return;
		url.username = url.password = "";
		const { host, href, protocol } = url, start = protocol + "//", end = href.slice((start + host).length);
		[start, host, end].forEach((text, i) => box.children[i].textContent = text);
	};
	if (box) show(), addEventListener("hashchange", show);
	if (!at) return;
	const away = (href, base) => {
		const url = read(href, base);
		const among = (hosts) => hosts.split(" ").some((one) => one[0] == "*" ? url.hostname.endsWith(one.slice(1)) : one == url.hostname);
		return url && url.hostname != location.hostname && !among(own) && (among(block) || !among(trust)) && url.href;
	};
	const named = new WeakMap();
	for (const link of all("[data-privacy-named]")) named.set(link, link.href);
	const turn = (event) => {
		const link = event.composedPath().find(({ localName, href }) => /^(a|area)$/.test(localName) && (href?.baseVal ?? href));
		if (!link) return;
		const base = link.baseURI, href = away(link.href.baseVal ?? link.href, base);
		if (link.ping?.split(/\s/).some((one) => away(one, base))) link.removeAttribute("ping");
		if (!href || named.get(link) == href) return;
		const to = new URL(at, location) + "#" + href;
		if (link.href.baseVal) link.href.baseVal = to;
		else link.href = to;
		link.removeAttribute("download");
	};
	for (const type of "click auxclick contextmenu dragstart".split(" ")) addEventListener(type, turn, true);
})();
