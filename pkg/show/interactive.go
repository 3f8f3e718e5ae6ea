package show

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/png"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"strata/pkg/imageset"
)

// What is interactive here is one piece of HTML that carries its data: it works without the network, and in a notebook that somebody exported
// to HTML. Where scripts are not run, the first state stays visible.

// Slider is a page with a slider over pictures of one size; the last one is shown first. id is unique in the notebook.
func Slider(id string, labels []string, pictures []image.Image) (string, error) {
	if len(labels) != len(pictures) || len(pictures) == 0 {
		return "", fmt.Errorf("%d labels for %d pictures", len(labels), len(pictures))
	}
	var images strings.Builder
	for i, p := range pictures {
		uri, err := dataURI(p)
		if err != nil {
			return "", err
		}
		hidden := ` style="display:none"`
		if i == len(pictures)-1 {
			hidden = ""
		}
		fmt.Fprintf(&images, `<img src="%s" alt="%s"%s>`, uri, html.EscapeString(labels[i]), hidden)
	}
	names, err := json.Marshal(labels)
	if err != nil {
		return "", err
	}
	last := len(pictures) - 1
	return fill(sliderPage, map[string]string{"ID": id, "IMAGES": images.String(), "LABELS": string(names), "LAST": fmt.Sprint(last), "LABEL": html.EscapeString(labels[last])}), nil
}

// OutlierLoss shows the paper's outlier loss (Eq. 2) over the log-ratio d of an outlier, lambda softplus(d/T), and its slope, with a slider for
// the temperature T. The paper takes T = 1000 and lambda = 6000.
func OutlierLoss() {
	defer gonbui.Sync()
	gonbui.DisplayHTML(fill(lossPage, map[string]string{"ID": gonbui.UniqueId()}))
}

// Point is an image in a Scatter: two scores in nats, and which image of which set it is.
type Point struct {
	X, Y  float64
	Set   string
	Index int
}

// Scatter is a page with a dot for each point, in the colour of its set; the image under the pointer is shown beside. tiles are the points' images in
// their order. id is unique in the notebook.
func Scatter(id, x, y string, points []Point, tiles *imageset.Set) (string, error) {
	if len(points) == 0 || tiles.Len() != len(points) {
		return "", fmt.Errorf("%d points for %d images: expected as many of both, and some", len(points), tiles.Len())
	}
	const columns = 25
	bare := *tiles // a sheet with classes would have names beside it
	bare.Labels, bare.Classes = nil, nil
	sprite, err := dataURI(imageset.ContactSheet(&bare, columns, (len(points)+columns-1)/columns, 1))
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(points)
	if err != nil {
		return "", err
	}
	return fill(hoverPage, map[string]string{"ID": id, "X": html.EscapeString(x), "Y": html.EscapeString(y), "POINTS": string(data), "SPRITE": sprite,
		"TILE": fmt.Sprint(tiles.Width + imageset.SheetGap), "GAP": fmt.Sprint(imageset.SheetGap), "SIDE": fmt.Sprint(tiles.Width), "COLUMNS": fmt.Sprint(columns)}), nil
}

// dataURI is a picture inside of a page.
func dataURI(p image.Image) (string, error) {
	var file bytes.Buffer
	if err := png.Encode(&file, p); err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes()), nil
}

// fill puts values in the place of {{NAME}}.
func fill(page string, values map[string]string) string {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "{{"+name+"}}", value)
	}
	return strings.NewReplacer(pairs...).Replace(page)
}

const hoverPage = `<div id="{{ID}}" style="display:flex;gap:16px;align-items:flex-start;font-family:sans-serif;font-size:13px">
<svg width="560" height="380" role="img" aria-label="{{Y}} over {{X}}"></svg>
<div style="width:150px"><canvas width="128" height="128" style="image-rendering:pixelated;border:1px solid #999"></canvas><div class="say">point at a dot</div></div>
</div>
<script>(function(){
var root=document.getElementById("{{ID}}"),svg=root.querySelector("svg"),ctx=root.querySelector("canvas").getContext("2d"),say=root.querySelector(".say");
var points={{POINTS}},colours=["#0072b2","#d55e00","#009e73","#cc79a7","#e69f00"],shapes=["circle","rect"],sets=[];
points.forEach(function(p){if(sets.indexOf(p.Set)<0)sets.push(p.Set)});
var sprite=new Image();sprite.src="{{SPRITE}}";
function range(k){var v=points.map(function(p){return p[k]}),a=Math.min.apply(null,v),b=Math.max.apply(null,v),m=(b-a)*0.04||1;return [a-m,b+m]}
var rx=range("X"),ry=range("Y"),L=70,R=545,T=12,B=335,ns="http://www.w3.org/2000/svg";
function sx(v){return L+(v-rx[0])/(rx[1]-rx[0])*(R-L)}function sy(v){return B-(v-ry[0])/(ry[1]-ry[0])*(B-T)}
function add(n,a,text){var e=document.createElementNS(ns,n);for(var k in a)e.setAttribute(k,a[k]);if(text!==undefined)e.textContent=text;svg.appendChild(e);return e}
add("path",{d:"M"+L+" "+T+"V"+B+"H"+R,fill:"none",stroke:"#333"});
for(var i=0;i<=4;i++){var vx=rx[0]+(rx[1]-rx[0])*i/4,vy=ry[0]+(ry[1]-ry[0])*i/4;
add("text",{x:sx(vx),y:B+18,"text-anchor":"middle","font-size":11},vx.toFixed(0));add("text",{x:L-6,y:sy(vy)+4,"text-anchor":"end","font-size":11},vy.toFixed(0))}
add("text",{x:(L+R)/2,y:372,"text-anchor":"middle","font-size":13},"{{X}}, nats");
add("text",{x:14,y:(T+B)/2,"text-anchor":"middle","font-size":13,transform:"rotate(-90 14 "+(T+B)/2+")"},"{{Y}}, nats");
sets.forEach(function(s,i){add("circle",{cx:L+12,cy:T+10+16*i,r:4,fill:colours[i%5]});add("text",{x:L+22,y:T+14+16*i,"font-size":12},s)});
points.forEach(function(p,i){var k=sets.indexOf(p.Set),e=add("circle",{cx:sx(p.X),cy:sy(p.Y),r:3,fill:colours[k%5],"fill-opacity":0.6});
e.addEventListener("mouseenter",function(){e.setAttribute("r",6);ctx.imageSmoothingEnabled=false;var c=i%{{COLUMNS}},r=Math.floor(i/{{COLUMNS}});
ctx.drawImage(sprite,{{GAP}}+c*{{TILE}},{{GAP}}+r*{{TILE}},{{SIDE}},{{SIDE}},0,0,128,128);
say.textContent=p.Set+" "+p.Index+": {{X}} "+p.X.toFixed(1)+", {{Y}} "+p.Y.toFixed(1)});
e.addEventListener("mouseleave",function(){e.setAttribute("r",3)})});
})()</script>`

const sliderPage = `<div id="{{ID}}" style="font-family:sans-serif;font-size:13px"><div>{{IMAGES}}</div>
<input type="range" min="0" max="{{LAST}}" value="{{LAST}}" step="1" style="width:320px" aria-label="slider"> <span>{{LABEL}}</span></div>
<script>(function(){
var root=document.getElementById("{{ID}}"),images=root.querySelectorAll("img"),input=root.querySelector("input"),label=root.querySelector("span"),labels={{LABELS}};
input.addEventListener("input",function(){for(var i=0;i<images.length;i++)images[i].style.display=i==input.value?"":"none";label.textContent=labels[input.value]});
})()</script>`

const lossPage = `<div id="{{ID}}" style="font-family:sans-serif;font-size:13px">
<svg width="600" height="300" role="img" aria-label="outlier loss"></svg><br>
T: <input type="range" min="1" max="4" step="0.05" value="3" style="width:320px" aria-label="temperature T"> <span>1000</span> nats</div>
<script>(function(){
var root=document.getElementById("{{ID}}"),svg=root.querySelector("svg"),input=root.querySelector("input"),label=root.querySelector("span"),ns="http://www.w3.org/2000/svg";
var L=60,R=585,T=12,B=255,D=4000,lambda=6000;
function add(n,a,text){var e=document.createElementNS(ns,n);for(var k in a)e.setAttribute(k,a[k]);if(text!==undefined)e.textContent=text;svg.appendChild(e)}
function softplus(v){return v>30?v:Math.log1p(Math.exp(v))}
function draw(){var t=Math.pow(10,input.value);label.textContent=t.toFixed(0);svg.textContent="";
var top=lambda*softplus(D/t);function sx(d){return L+(d+D)/(2*D)*(R-L)}function sy(v){return B-v/top*(B-T)}function sg(v){return B-v*(B-T)}
add("path",{d:"M"+L+" "+T+"V"+B+"H"+R,fill:"none",stroke:"#333"});
var loss="",slope="";for(var i=0;i<=200;i++){var d=-D+2*D*i/200;loss+=(i?"L":"M")+sx(d)+" "+sy(lambda*softplus(d/t));slope+=(i?"L":"M")+sx(d)+" "+sg(1/(1+Math.exp(-d/t)))}
add("path",{d:loss,fill:"none",stroke:"#0072b2","stroke-width":2});add("path",{d:slope,fill:"none",stroke:"#d55e00","stroke-width":2,"stroke-dasharray":"6 4"});
[-4000,-2000,0,2000,4000].forEach(function(d){add("text",{x:sx(d),y:B+18,"text-anchor":"middle","font-size":11},d)});
add("text",{x:(L+R)/2,y:295,"text-anchor":"middle","font-size":13},"d = ln p_in - ln p_general of an outlier, nats");
add("text",{x:L+10,y:T+12,fill:"#0072b2","font-size":12},"loss, 0 to "+top.toFixed(0)+" nats");
add("text",{x:L+10,y:T+28,fill:"#d55e00","font-size":12},"gradient to ln p_in (dashed), 0 to "+(lambda/t).toFixed(2))}
input.addEventListener("input",draw);draw();
})()</script>`
