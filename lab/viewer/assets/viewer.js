// What a person zooms into, in one graph, becomes the range of the page.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  viewer: {
    zoom(_changes, search) {
      const change = dash_clientside.callback_context.triggered[0]?.value ?? {};
      // Plotly's times are those of this machine, without a zone, which is how Date reads them.
      const [from, to] = [0, 1].map((side) => Date.parse(String(change[`xaxis.range[${side}]`]).replace(" ", "T")));
      if (!(to - from >= 1000)) return dash_clientside.no_update;
      const query = new URLSearchParams(search);
      query.set("from", Math.round(from));
      query.set("to", Math.round(to));
      return `?${query}`;
    },
  },
});
